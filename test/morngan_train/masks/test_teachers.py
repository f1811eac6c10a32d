"""Teachers: folders of masks, and networks loaded by transformers from a small random one on disk.

No network of the hub is reached. Random networks label nothing sensible, so their last bias decides
which of their classes wins: what is tested is loading, preparation, class maps, sizes, confidence.
"""

import argparse
import json
import os
from pathlib import Path
import sys
from typing import Any

import cv2
import numpy as np
from preparing import run
import pytest
import torch

from morngan_train.classes import CLASSES
from morngan_train.classes import Label
from morngan_train.classes import UNLABELLED
from morngan_train.data.reading import DataError
from morngan_train.masks import command
from morngan_train.masks.teachers import CITYSCAPES
from morngan_train.masks.teachers import coco_class_map
from morngan_train.masks.teachers import decide
from morngan_train.masks.teachers import fit
from morngan_train.masks.teachers import MaskFolder
from morngan_train.masks.teachers import membership
from morngan_train.masks.teachers import Network
from morngan_train.masks.teachers import open_teacher
from morngan_train.masks.teachers import Options
from morngan_train.masks.teachers import query_evidence
from morngan_train.masks.teachers import read_class_map
from morngan_train.masks.teachers import TeacherError

os.environ['HF_HUB_OFFLINE'] = '1'  # read when transformers is imported: no waiting for the hub

# Like those of the published Mask2Formers, with a square of its own and not ImageNet's values.
PROCESSOR = {
    'image_processor_type': 'Mask2FormerImageProcessor',
    'image_mean': [0.5, 0.4, 0.3],
    'image_std': [0.2, 0.3, 0.4],
    'rescale_factor': 1 / 255,
    'size': {'height': 384, 'width': 384},
}
PICTURE = np.random.default_rng(0).integers(0, 256, (70, 100, 3), np.uint8)
SMALL = Options(side=64)


# --- Class maps ---


def test_cityscapes_names_are_those_of_the_data_set():
    assert ', '.join(map(str, CITYSCAPES)) == (
        'road, sidewalk, building, wall, fence, pole, traffic light, traffic sign, vegetation, '
        'terrain, sky, person, rider, car, truck, bus, train, motorcycle, bicycle'
    )
    assert list(CITYSCAPES.values()) == list(range(19))


def test_the_coco_map_covers_all_133_classes():
    classes = coco_class_map()
    assert len(classes) == 133
    things = {'person': 11, 'car': 13, 'truck': 14, 'bus': 15, 'train': 16, 'motorcycle': 17}
    street = {'bicycle': 18, 'traffic light': 6, 'stop sign': 7, 'road': 0, 'pavement-merged': 1}
    stuff = {'building-other-merged': 2, 'house': 2, 'wall-brick': 3, 'wall-other-merged': 3}
    nature = {'fence-merged': 4, 'tree-merged': 8, 'grass-merged': 9, 'sky-other-merged': 10}
    for name, label in (things | street | stuff | nature | {'light': 255, 'zebra': 255}).items():
        assert classes[name] == label, name
    # COCO knows neither poles nor riders; every other class of Cityscapes is reached.
    assert set(range(CLASSES)) - set(classes.values()) == {Label.POLE, Label.RIDER}


def test_membership_follows_names_and_leaves_the_rest_out():
    groups = membership(['sky', 'zebra', 'road', 'street'], {'Road': 0, 'street': 0, 'sky': 10})
    assert groups.shape == (20, 4)
    assert groups.argmax(0).tolist() == [10, 19, 0, 0]
    assert groups.sum() == 4
    with pytest.raises(TeacherError, match="'skye'"):
        membership(['sky'], {'skye': 10})


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('a: 19', 'not a trainId'),
        ('a: [1]', 'not a trainId'),
        ('- a', 'not a mapping'),
        ('a: [', 'YAML'),
    ],
)
def test_wrong_class_maps_are_refused(tmp_path: Path, text: str, reason: str):
    path = tmp_path / 'map.yaml'
    path.write_text(text)
    with pytest.raises(TeacherError, match=reason):
        read_class_map(path)
    with pytest.raises(TeacherError, match='cannot be read'):
        read_class_map(tmp_path / 'none.yaml')


# --- From evidence to labels ---


def test_query_evidence_against_loops():
    generator = torch.Generator().manual_seed(0)
    classes = torch.randn(1, 3, 5, generator=generator)  # 3 queries, 4 classes and "no object"
    masks = torch.randn(1, 3, 2, 2, generator=generator)
    evidence = query_evidence({'class_queries_logits': classes, 'masks_queries_logits': masks})
    assert evidence.shape == (4, 2, 2)
    for c in range(4):
        for y in range(2):
            for x in range(2):
                total = 0.0
                for q in range(3):
                    odds = [float(classes[0, q, k].exp()) for k in range(5)]
                    inside = 1 / (1 + float((-masks[0, q, y, x]).exp()))
                    total += odds[c] / sum(odds) * inside
                assert evidence[c, y, x] == pytest.approx(total, rel=1e-5)


def test_classes_of_one_label_add_up_and_confidence_is_a_share():
    """Four pixels by hand; brick and stone are both wall, zebra has no trainId."""
    groups = membership(['brick', 'stone', 'sky', 'zebra'], {'brick': 3, 'stone': 3, 'sky': 10})
    evidence = torch.tensor(
        [
            [0.3, 0.3, 0.4, 0.0],  # wall .6 outweighs sky .4: confidence .6
            [0.2, 0.2, 1.6, 0.0],  # overlapping queries: sky has 1.6 of 2.0, confidence .8
            [0.0, 0.1, 0.2, 0.0],  # hardly claimed by any: confidence .2, not 2/3
            [0.0, 0.0, 0.1, 0.9],  # a zebra
        ]
    ).T.reshape(4, 2, 2)

    def labels(threshold: float) -> list[int]:
        return decide(evidence, groups, (2, 2), threshold).flatten().tolist()

    assert labels(0.0) == [3, 10, 10, 255]
    assert labels(0.5) == [3, 10, 255, 255]
    assert labels(0.7) == [255, 10, 255, 255]
    assert labels(0.9) == [255, 255, 255, 255]


def test_labels_have_the_size_of_the_picture():
    groups = membership(['road', 'sky'], {'road': 0, 'sky': 10})
    evidence = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).T[:, :, None]  # sky above road
    labels = decide(evidence, groups, (8, 3), 0.5)
    assert labels.dtype == torch.uint8
    assert labels.tolist() == [[10] * 3] * 4 + [[0] * 3] * 4


@pytest.mark.parametrize(
    ('shape', 'side', 'seen'),
    [
        ((512, 860), 800, (800, 1344)),
        ((512, 640), 512, (512, 640)),
        ((640, 512), 800, (992, 800)),
        ((10, 2000), 32, (32, 6400)),
    ],
)
def test_pictures_are_seen_in_their_proportions(
    shape: tuple[int, int], side: int, seen: tuple[int, int]
):
    assert fit(shape, side) == seen


# --- Folders of masks ---


def masks_in(folder: Path, **masks: np.ndarray) -> Path:
    folder.mkdir()
    for name, mask in masks.items():
        cv2.imwrite(str(folder / f'{name}.png'), mask)
    return folder


def test_a_mask_is_given_as_it_is(tmp_path: Path):
    mask = np.array([[0, 18], [255, 11]], np.uint8)
    folder = masks_in(tmp_path / 'masks', a=mask)
    teacher = open_teacher(str(folder), [Path('a.jpg')])
    assert isinstance(teacher, MaskFolder)
    assert np.array_equal(teacher('a', np.zeros((2, 2, 3), np.uint8)), mask)


def test_a_class_map_translates_values(tmp_path: Path):
    """Cityscapes' own ids: 7 road, 24 person, 26 car; 0 is unlabelled."""
    folder = masks_in(tmp_path / 'masks', a=np.array([[7, 24], [26, 0]], np.uint8))
    rgb = np.zeros((2, 2, 3), np.uint8)
    with pytest.raises(DataError, match=r'a\.png holds 24, 26: .*--map'):
        MaskFolder(folder, [Path('a.png')])('a', rgb)
    teacher = MaskFolder(folder, [Path('a.png')], {7: 0, 24: 11, 26: 13})
    assert teacher('a', rgb).tolist() == [[0, 11], [13, 255]]
    with pytest.raises(TeacherError, match="'road'"):
        MaskFolder(folder, [Path('a.png')], {'road': 0})


def test_missing_masks_are_counted(tmp_path: Path):
    folder = masks_in(tmp_path / 'masks', a=np.zeros((2, 2), np.uint8))
    with pytest.raises(DataError, match=r'of 2 of the 3 pictures .*first b\.jpg'):
        open_teacher(str(folder), [Path('trainA', name) for name in ('a.jpg', 'b.jpg', 'c.jpg')])


@pytest.mark.parametrize(
    ('mask', 'reason'),
    [
        (np.zeros((3, 2), np.uint8), 'is 2x3, but its picture is 2x2'),
        (np.zeros((2, 2, 3), np.uint8), 'single channel'),
        (np.zeros((2, 2), np.uint16), 'single channel'),
    ],
)
def test_wrong_masks_are_named(tmp_path: Path, mask: np.ndarray, reason: str):
    teacher = MaskFolder(masks_in(tmp_path / 'masks', a=mask), [Path('a.png')])
    with pytest.raises(DataError, match=reason):
        teacher('a', np.zeros((2, 2, 3), np.uint8))


@pytest.mark.parametrize('source', ['/no/where', './masks', 'a/b/c', '../net', 'masks/'])
def test_what_is_no_name_on_the_hub_is_not_looked_up(source: str):
    with pytest.raises(TeacherError, match='does not exist'):
        open_teacher(source, [])


# --- Networks ---


@pytest.fixture(scope='module')
def transformers() -> Any:
    return pytest.importorskip('transformers', reason='needs requirements/teachers.txt')


def small_segformer(transformers: Any, folder: Path, names: list[str], winner: str) -> Path:
    """Save a random SegFormer whose class `winner` wins everywhere."""
    torch.manual_seed(0)
    config = transformers.SegformerConfig(
        hidden_sizes=[8] * 4,
        depths=[1] * 4,
        num_attention_heads=[1] * 4,
        decoder_hidden_size=8,
        id2label=dict(enumerate(names)),
        label2id={name: i for i, name in enumerate(names)},
    )
    model = transformers.SegformerForSemanticSegmentation(config)
    model.decode_head.classifier.bias.data[names.index(winner)] = 20
    model.save_pretrained(folder)
    (folder / 'preprocessor_config.json').write_text(json.dumps(PROCESSOR))
    return folder


def small_mask2former(transformers: Any, folder: Path, names: list[str], winner: str) -> Path:
    """Save a random Mask2Former all of whose queries vote for `winner`."""
    torch.manual_seed(0)
    backbone = transformers.SwinConfig(
        image_size=64,
        embed_dim=8,
        depths=[1] * 4,
        num_heads=[1] * 4,
        window_size=2,
        out_features=['stage1', 'stage2', 'stage3', 'stage4'],
    )
    config = transformers.Mask2FormerConfig(
        backbone_config=backbone,
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=32,
        dim_feedforward=32,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        num_queries=20,
        id2label=dict(enumerate(names)),
        label2id={name: i for i, name in enumerate(names)},
    )
    model = transformers.Mask2FormerForUniversalSegmentation(config)
    model.class_predictor.bias.data[names.index(winner)] = 20
    model.save_pretrained(folder)
    (folder / 'preprocessor_config.json').write_text(json.dumps(PROCESSOR))
    return folder


def shuffled(names: Any) -> list[str]:
    return [str(name) for name in np.random.default_rng(1).permutation(list(names))]


@pytest.mark.parametrize('build', [small_segformer, small_mask2former])
@pytest.mark.parametrize('winner', ['road', 'traffic sign', 'bicycle'])
def test_cityscapes_networks_go_by_name_not_by_order(
    transformers: Any, tmp_path: Path, build: Any, winner: str
):
    names = shuffled(CITYSCAPES)
    assert names.index(winner) != CITYSCAPES[winner]
    teacher = open_teacher(
        str(build(transformers, tmp_path / 'net', names, winner)), [], options=SMALL
    )
    labels = teacher('any', PICTURE)
    assert labels.dtype == np.uint8
    assert labels.shape == (70, 100)
    assert np.unique(labels).tolist() == [CITYSCAPES[winner]]


@pytest.mark.parametrize(
    ('winner', 'label'), [('pavement-merged', 1), ('wall-stone', 3), ('zebra', UNLABELLED)]
)
def test_coco_networks_use_the_map_of_the_package(
    transformers: Any, tmp_path: Path, winner: str, label: int
):
    folder = small_mask2former(transformers, tmp_path, shuffled(coco_class_map()), winner)
    assert np.unique(Network(str(folder), options=SMALL)('any', PICTURE)).tolist() == [label]


def test_an_unsure_network_labels_nothing_above_the_threshold(transformers: Any, tmp_path: Path):
    folder = small_segformer(transformers, tmp_path, list(CITYSCAPES), 'road')
    teacher = Network(str(folder), options=Options(side=64, threshold=0.5))
    teacher.model.decode_head.classifier.bias.data.zero_()  # all classes near 1/19
    assert (teacher('any', PICTURE) == UNLABELLED).all()
    teacher.options = Options(side=64, threshold=0.0)
    assert (teacher('any', PICTURE) < CLASSES).all()


def test_semantic_networks_are_right_where_their_logits_are_largest(
    transformers: Any, tmp_path: Path
):
    folder = small_segformer(transformers, tmp_path, list(CITYSCAPES), 'road')
    teacher = Network(str(folder), options=Options(side=64, threshold=0))
    classifier = teacher.model.decode_head.classifier
    classifier.weight.data.normal_(0, 3)  # random networks answer nearly alike everywhere
    classifier.bias.data.zero_()
    rgb = cv2.resize(PICTURE[:4, :6], (96, 64), interpolation=cv2.INTER_NEAREST)
    with torch.no_grad():
        logits = teacher.model(teacher.normalization(rgb)).logits
    resized = torch.nn.functional.interpolate(logits, (64, 96), mode='bilinear')
    expected = resized[0].argmax(0).numpy()
    assert len(np.unique(expected)) > 2
    # Here logits are interpolated, there probabilities: borders may move by a pixel.
    assert (teacher('any', rgb) == expected).mean() > 0.9


def test_query_networks_label_as_their_own_post_processing(transformers: Any, tmp_path: Path):
    folder = small_mask2former(transformers, tmp_path, list(CITYSCAPES), 'road')
    teacher = Network(str(folder), options=Options(side=64))
    with torch.no_grad():
        output = teacher.model(teacher.normalization(PICTURE[:64, :96]))
    assert output.class_queries_logits.shape == (1, 20, 20)
    assert output.masks_queries_logits.shape == (1, 20, 16, 24)
    # Random networks answer alike everywhere: let classes and places differ from query to query.
    generator = torch.Generator().manual_seed(2)
    output.class_queries_logits = 3 * torch.randn(1, 20, 20, generator=generator)
    steps = torch.arange(24.0) - torch.linspace(0, 24, 20)[:, None, None]
    output.masks_queries_logits = steps.expand(1, 20, 16, 24)
    try:
        processor = transformers.Mask2FormerImageProcessorPil()
    except ImportError as error:  # Pillow is missing, or, in versions for Python 3.10, torchvision
        pytest.skip(str(error).strip().splitlines()[0])
    expected = processor.post_process_semantic_segmentation(output, [(64, 96)])[0].numpy()
    assert len(np.unique(expected)) > 2
    labels = decide(query_evidence(output), teacher.groups, (64, 96), 0.0).numpy()
    assert (labels == expected).mean() > 0.9


def test_networks_see_the_picture_normalised_in_its_proportions(transformers: Any, tmp_path: Path):
    folder = small_segformer(transformers, tmp_path, list(CITYSCAPES), 'road')
    rgb = np.random.default_rng(3).integers(100, 160, (64, 96, 3), np.uint8)
    seen = []
    for options in (SMALL, Options(side=128), Options(side=64, enhance=True)):
        teacher = Network(str(folder), options=options)
        teacher.model.register_forward_pre_hook(
            lambda _, args, kwargs: seen.append(kwargs['pixel_values']), with_kwargs=True
        )
        teacher('any', rgb)
    mean, std = PROCESSOR['image_mean'], PROCESSOR['image_std']
    expected = ((rgb / 255 - mean) / std).transpose(2, 0, 1)[None]
    np.testing.assert_allclose(seen[0].numpy(), expected, atol=1e-5)
    assert seen[1].shape == (1, 3, 128, 192)
    assert seen[2].std() > 2 * seen[0].std()


def test_other_classes_need_a_map(transformers: Any, tmp_path: Path):
    names = ['wall', 'sidewalk', 'lake']  # ADE20K's sidewalk does not make it Cityscapes
    folder = str(small_segformer(transformers, tmp_path, names, 'sidewalk'))
    with pytest.raises(TeacherError, match=r'wall, sidewalk, lake .*--map'):
        Network(folder)
    assert (Network(folder, {'sidewalk': 1}, SMALL)('any', PICTURE) == 1).all()


def test_what_cannot_be_loaded_is_named(transformers: Any, tmp_path: Path):
    (tmp_path / 'config.json').write_text('{}')
    for source in ('nobody/nothing', str(tmp_path), str(tmp_path / 'none')):
        with pytest.raises(TeacherError, match='neither a folder of masks nor a network'):
            Network(source)
    folder = small_segformer(transformers, tmp_path / 'net', list(CITYSCAPES), 'road')
    with pytest.raises(TeacherError, match='device nonsense'):
        Network(str(folder), options=Options(device='nonsense'))


def test_without_transformers_the_cure_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(TeacherError, match=r'pip install -r requirements/teachers\.txt'):
        Network('facebook/mask2former-swin-large-coco-panoptic')
    assert (Path(__file__).parents[3] / 'requirements' / 'teachers.txt').is_file()


# --- The command ---


def masks(data: Path, *options: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(['masks', str(data), *options])
    return int(args.run(args))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with three day pictures of 120x96 and nothing else."""
    pictures = np.random.default_rng(0).integers(0, 256, (3, 96, 120, 3), np.uint8)
    (tmp_path / 'data').mkdir()
    masks_in(tmp_path / 'data' / 'trainA', **dict(zip('abc', pictures, strict=True)))
    return tmp_path / 'data'


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Masks of the pictures of `data`: the upper half is sky, the lower half a car or a truck."""
    for role, label in (('city', Label.CAR), ('coco', Label.TRUCK)):
        mask = np.full((96, 120), Label.SKY, np.uint8)
        mask[48:] = label
        masks_in(tmp_path / role, a=mask, b=mask, c=mask)
    return tmp_path


def both(made: Path) -> list[str]:
    return ['--teacher', f'cityscapes={made}/city', '--teacher', f'coco={made}/coco']


def test_masks_are_copied_counted_and_drawn(data: Path, made: Path, capsys: Any):
    assert masks(data, *both(made), '--jobs', '2') == 0
    for role, source in (('cityscapes', 'city'), ('coco', 'coco')):
        folder = data / f'masks_{role}'
        assert sorted(path.name for path in folder.iterdir()) == [
            *('a.png', 'b.png', 'c.png', 'made_by.json')
        ]
        for name in 'abc':
            copy = cv2.imread(str(folder / f'{name}.png'), cv2.IMREAD_UNCHANGED)
            assert np.array_equal(copy, cv2.imread(str(made / source / f'{name}.png'), -1))
        settings = json.loads((folder / 'made_by.json').read_text())
        assert settings == {'masks': str(made / source), 'class_map': None}
    rows = {}
    for line in capsys.readouterr().out.splitlines():
        cells = [cell.split() for cell in line.split('│')[1:-1]]
        if cells:
            rows[cells[0][0]] = [f'{count} {share}' for count, share in cells[1:]]
    half, none = '17,280 50.00%', '0 0.00%'  # 3 pictures of 120 x 96
    # Fusion: where Cityscapes says car and COCO says truck, it is a truck.
    assert rows['car'] == [half, none, none]
    assert rows['truck'] == [none, half, half]
    assert rows['sky'] == [half, half, half]
    assert rows['labelled'] == ['34,560 100.00%'] * 3
    sheet = cv2.imread(str(data / 'masks_preview.png'))
    assert sheet.shape == (3 * (256 + 20), 4 * 320, 3)  # 120 x 96 at width 320, with captions


def test_finished_masks_are_counted_as_training_takes_them(data: Path, capsys: Any):
    """Half of the trees have the colour of the sky: noise, but in a finished map."""
    mask = np.full((96, 120), Label.VEGETATION, np.uint8)
    mask[:, 60:] = Label.SKY
    picture = np.full((96, 120, 3), 200, np.uint8)
    picture[:, :40] = 20  # two thirds of the trees; the last third is as bright as the sky
    (data / 'masks_cityscapes').mkdir()
    for name in 'abc':
        cv2.imwrite(str(data / f'trainA/{name}.png'), picture)
        cv2.imwrite(str(data / f'masks_cityscapes/{name}.png'), mask)

    def share_of_trees() -> str:
        assert masks(data) == 0
        lines = capsys.readouterr().out.splitlines()
        return next(line for line in lines if 'vegetation' in line).split('│')[3].split()[-1]

    assert share_of_trees() == '33.33%'
    run('masks', data, '--finished')
    assert share_of_trees() == '50.00%'


def test_a_stopped_run_goes_on(
    data: Path, made: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
):
    class Stopped(MaskFolder):
        def __call__(self, name: str, rgb: np.ndarray) -> np.ndarray:
            if name == 'b':
                raise KeyboardInterrupt
            return super().__call__(name, rgb)

    teacher = ['--teacher', f'cityscapes={made}/city']
    with monkeypatch.context() as patch:
        patch.setattr(
            command, 'open_teacher', lambda source, *rest: Stopped(Path(source), *rest[:2])
        )
        assert masks(data, *teacher) == 130
    assert 'run the same command again to resume' in capsys.readouterr().out
    folder = data / 'masks_cityscapes'
    assert (folder / 'a.png').is_file()
    assert not list(folder.glob('b.*'))
    marked = np.full((96, 120), Label.ROAD, np.uint8)
    cv2.imwrite(str(folder / 'a.png'), marked)
    assert masks(data, *teacher) == 0
    assert np.array_equal(cv2.imread(str(folder / 'a.png'), -1), marked)  # not made again
    assert (folder / 'b.png').is_file()
    assert masks(data, *teacher, '--overwrite') == 0
    assert not np.array_equal(cv2.imread(str(folder / 'a.png'), -1), marked)


def test_masks_of_different_teachers_do_not_mix(data: Path, made: Path):
    assert masks(data, '--teacher', f'cityscapes={made}/city') == 0
    other = ['--teacher', f'cityscapes={made}/coco']
    with pytest.raises(TeacherError, match=r'3 masks made with other settings.*--overwrite'):
        masks(data, *other)
    assert masks(data, *other, '--overwrite') == 0
    mask = cv2.imread(str(data / 'masks_cityscapes' / 'a.png'), -1)
    assert np.unique(mask).tolist() == [Label.SKY, Label.TRUCK]


def test_without_teacher_masks_are_checked(data: Path, made: Path, capsys: Any):
    with pytest.raises(TeacherError, match='no masks yet'):
        masks(data)
    (made / 'city').rename(data / 'masks_cityscapes')
    assert masks(data) == 0
    assert 'coco' not in capsys.readouterr().out
    cv2.imwrite(str(data / 'masks_cityscapes' / 'c.png'), np.full((96, 120), 33, np.uint8))
    with pytest.raises(DataError, match=r'c\.png holds 33'):
        masks(data)
    (data / 'masks_cityscapes' / 'b.png').unlink()
    with pytest.raises(DataError, match='1 of the 3'):
        masks(data)


def test_a_network_labels_a_data_folder(transformers: Any, data: Path, tmp_path: Path):
    city = small_segformer(transformers, tmp_path / 'segformer', list(CITYSCAPES), 'building')
    coco = small_mask2former(transformers, tmp_path / 'm2f', list(coco_class_map()), 'house')
    teachers = ['--teacher', f'cityscapes={city}', '--teacher', f'coco={coco}']
    assert masks(data, *teachers, '--side', '64', '--enhance', '--device', 'cpu') == 0
    for role in ('cityscapes', 'coco'):
        for name in 'abc':
            mask = cv2.imread(str(data / f'masks_{role}' / f'{name}.png'), -1)
            assert mask.shape == (96, 120)
            assert (mask == Label.BUILDING).all()
    settings = json.loads((data / 'masks_coco' / 'made_by.json').read_text())
    assert settings['class_map']['house'] == 2
    assert (settings['side'], settings['enhance'], settings['threshold']) == (64, True, 0.5)
    with pytest.raises(TeacherError, match='made with other settings'):
        masks(data, *teachers, '--side', '96', '--enhance')


def test_wrong_use_is_named(data: Path, made: Path, capsys: Any):
    city = f'cityscapes={made}/city'
    with pytest.raises(TeacherError, match='once for each role'):
        masks(data, '--teacher', city, '--teacher', city)
    with pytest.raises(TeacherError, match='needs --teacher coco'):
        masks(data, '--teacher', city, '--map', 'coco=x.yaml')
    (made / 'coco').rename(data / 'masks_coco')
    with pytest.raises(TeacherError, match='is the folder that masks are written to'):
        masks(data, '--teacher', f'coco={data}/masks_coco', '--overwrite')
    assert (data / 'masks_coco' / 'a.png').is_file()
    for wrong in (['--teacher', 'sky=x'], ['--teacher', 'coco'], ['--threshold', '50']):
        with pytest.raises(SystemExit):
            masks(data, *wrong)
    (data / 'trainA' / 'a.jpg').write_bytes(b'')
    with pytest.raises(TeacherError, match=r'a\.png and a\.jpg'):
        masks(data, '--teacher', city)


def test_shared_masks_pass(shared: Path, tmp_path: Path):
    """The real masks beside the repository are copied bit by bit as labels."""
    flir = shared / 'data' / 'flir'
    pictures = sorted((flir / 'trainA').iterdir())[:3]
    (tmp_path / 'trainA').mkdir()
    for picture in pictures:
        (tmp_path / 'trainA' / picture.name).symlink_to(picture)
    assert masks(tmp_path, '--teacher', f'coco={flir}/masks_coco', '--fusion', 'objects') == 0
    for picture in pictures:
        original = cv2.imread(str(flir / 'masks_coco' / f'{picture.stem}.png'), -1)
        copy = cv2.imread(str(tmp_path / 'masks_coco' / f'{picture.stem}.png'), -1)
        assert np.array_equal(copy, original)
