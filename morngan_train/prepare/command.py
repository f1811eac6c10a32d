"""`python -m morngan_train prepare`: data folders from public data sets or folders of pictures."""

import argparse
from collections.abc import Sequence
import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from morngan_train.data.prepared import MASKS
from morngan_train.data.prepared import Masks
from morngan_train.data.reading import DataError
from morngan_train.data.reading import list_images
from morngan_train.prepare.categories import MEANINGS
from morngan_train.prepare.categories import parse_meaning
from morngan_train.prepare.coco import select_coco
from morngan_train.prepare.edge_maps import DAY_METHODS
from morngan_train.prepare.edge_maps import EdgeMethods
from morngan_train.prepare.edge_maps import NIGHT_METHODS
from morngan_train.prepare.edge_maps import trained
from morngan_train.prepare.edge_maps import write_edges
from morngan_train.prepare.flir import select_flir
from morngan_train.prepare.folders import select_folders
from morngan_train.prepare.kaist import select_kaist
from morngan_train.prepare.llvip import select_llvip
from morngan_train.prepare.m3fd import select_m3fd
from morngan_train.prepare.msrs import select_msrs
from morngan_train.prepare.record import check_settings
from morngan_train.prepare.record import update
from morngan_train.prepare.run import edge_settings
from morngan_train.prepare.run import Options
from morngan_train.prepare.run import prepare
from morngan_train.prepare.selection import Selection
from morngan_train.prepare.street import write_streets
from morngan_train.prepare.yolo import select_yolo


def add_parser(commands: Any) -> None:
    """Add `prepare` and its sources to the subparsers of the command line."""
    prepare_parser = commands.add_parser(
        'prepare',
        help='make a data folder from a public data set or folders of pictures',
        description='Make the data folder that training reads; see docs/data.md. A run that was '
        'stopped goes on where it was.',
    )
    sources = prepare_parser.add_subparsers(dest='source', required=True)

    flir = sources.add_parser('flir', help='FLIR ADAS, v1 (Thermal Starter) or v2')
    _add_public(flir)
    flir.set_defaults(run=_flir)

    kaist = sources.add_parser('kaist', help='KAIST Multispectral Pedestrian, CVPR 2015')
    _add_public(kaist)
    kaist.add_argument(
        '--aligned', action='store_true', help='write day thermal too, to trainA_thermal'
    )
    kaist.set_defaults(run=_kaist)

    msrs = sources.add_parser('msrs', help='MSRS: pairs of day and night, label maps, boxes')
    _add_pairs(msrs)
    msrs.add_argument(
        '--boxes',
        type=Path,
        help='copy of the repository MSRS-detection-label, for boxes (default: no boxes)',
    )
    msrs.set_defaults(run=_msrs)

    m3fd = sources.add_parser('m3fd', help='M3FD: pairs of day and night, boxes')
    _add_pairs(m3fd)
    m3fd.set_defaults(run=_m3fd)

    llvip = sources.add_parser('llvip', help='LLVIP: night, boxes of persons')
    _add_pairs(llvip)
    llvip.set_defaults(run=_llvip)

    folder = sources.add_parser('folder', help='your own pictures')
    folder.add_argument('--day', type=Path, required=True, help='folder of day colour')
    folder.add_argument('--night', type=Path, required=True, help='folder of night thermal')
    folder.add_argument('--test', type=Path, help='folder of night thermal that is for test only')
    folder.add_argument(
        '--day-thermal', type=Path, help='folder of day thermal registered to --day, same names'
    )
    _add_keep_16_bit(folder)
    _add_pictures(folder)
    folder.set_defaults(run=_folder)

    coco = sources.add_parser('coco', help="your own thermal frames, boxes in COCO's JSON")
    coco.add_argument(
        'annotations', type=Path, help='JSON of COCO; coco.json or index.json of FLIR ADAS v2'
    )
    coco.add_argument(
        '--frames', type=Path, help='folder of the frames (default: that of the annotations)'
    )
    _add_boxes(coco)
    coco.set_defaults(run=_coco)

    yolo = sources.add_parser('yolo', help='your own thermal frames, boxes in YOLO text')
    yolo.add_argument('frames', type=Path, help='folder of the frames')
    yolo.add_argument(
        '--labels',
        type=Path,
        help='folder of the text files (default: labels in place of images, or that of the frames)',
    )
    yolo.add_argument(
        '--names',
        nargs='+',
        help='names of the classes in the order of their numbers, or a file of them (default: '
        'data.yaml or classes.txt near the labels)',
    )
    _add_boxes(yolo)
    yolo.set_defaults(run=_yolo)

    street = sources.add_parser('street', help='simulated streets: night, colours by day, boxes')
    _add_out(street)
    street.add_argument(
        '--seeds',
        type=_positive,
        nargs=2,
        default=(1, 60),
        metavar=('FIRST', 'LAST'),
        help='which streets; the demo shows number 0 (default: 1 60)',
    )
    street.add_argument(
        '--frames', type=_positive, default=3, help='of each street (default: %(default)s)'
    )
    street.set_defaults(run=_street)

    edges = sources.add_parser('edges', help='edge maps for a data folder that is there')
    edges.add_argument('data', type=Path, help='folder with trainA, trainB or both')
    _add_work(edges, NIGHT_METHODS)
    edges.set_defaults(run=_edges)

    masks = sources.add_parser(
        'masks',
        help='say what the label maps of a data folder are',
        description='Note in prepared.json whether masks_cityscapes holds finished label maps, '
        'such as those that the authors publish: they are denoised already, and training then '
        'leaves them as they are.',
    )
    masks.add_argument('data', type=Path, help='data folder')
    masks.add_argument(
        '--finished',
        action=argparse.BooleanOptionalAction,
        required=True,
        help='fused and denoised already, or as teachers made them',
    )
    masks.set_defaults(run=_masks)


def _add_public(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('src', type=Path, help='where the data set was unpacked')
    parser.add_argument(
        '--lists', type=Path, help='folder of split lists trainA.txt, trainB.txt, testB.txt'
    )
    _add_pictures(parser)


def _add_pairs(parser: argparse.ArgumentParser) -> None:
    _add_public(parser)
    # The paper's size belongs to the paper's data sets, and edge maps of large frames take days.
    parser.set_defaults(size='native', night_edges='none')


def _add_boxes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--class',
        dest='meanings',
        metavar='NAME=CLASS',
        type=parse_meaning,
        action='append',
        default=[],
        help=f'what a category means: {", ".join(MEANINGS)}; may be repeated',
    )
    parser.add_argument(
        '--folder',
        choices=('trainB', 'thermal', 'testB'),
        default='trainB',
        help='where the frames go: night, any time of day, or night for test only (%(default)s)',
    )
    _add_keep_16_bit(parser)
    _add_out(parser)
    _add_processes(parser)
    parser.set_defaults(size='native', night_edges='none')


def _add_keep_16_bit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--keep-16-bit',
        action='store_true',
        help='leave 16-bit thermal as it is (default: each frame from its 1st to its 99th '
        'percentile to 8 bits)',
    )


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--out', type=Path, required=True, help='data folder to write')


def _add_pictures(parser: argparse.ArgumentParser) -> None:
    _add_out(parser)
    parser.add_argument(
        '--size',
        choices=('paper', 'native'),
        default='paper',
        help='paper: 500x400, then the centre of 360x288; native: as they are (%(default)s)',
    )
    _add_work(parser, (*NIGHT_METHODS, 'none'))


def _add_work(parser: argparse.ArgumentParser, methods: Sequence[str]) -> None:
    nothing = '; none: no edge maps, of the day neither' if 'none' in methods else ''
    parser.add_argument(
        '--night-edges',
        choices=methods,
        default='surround',
        help=f'how edges of thermal frames are found (%(default)s){nothing}',
    )
    parser.add_argument(
        '--day-edges',
        choices=DAY_METHODS,
        default='matlab',
        help="how edges of day pictures are found: Canny as MATLAB's, which the authors used, or "
        "OpenCV's (%(default)s)",
    )
    _add_processes(parser)


def _add_processes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--jobs', type=_positive, default=os.cpu_count() or 1, help='processes (%(default)s)'
    )
    parser.add_argument('--overwrite', action='store_true', help='remake files that exist')


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f'must be at least 1, not {value}')
    return value


def _flir(args: argparse.Namespace) -> int:
    return _write(select_flir(args.src, args.lists), args)


def _kaist(args: argparse.Namespace) -> int:
    return _write(select_kaist(args.src, args.lists, aligned=args.aligned), args)


def _msrs(args: argparse.Namespace) -> int:
    return _write(select_msrs(args.src, args.lists, args.boxes, args.jobs), args)


def _m3fd(args: argparse.Namespace) -> int:
    return _write(select_m3fd(args.src, args.lists, args.jobs), args)


def _llvip(args: argparse.Namespace) -> int:
    return _write(select_llvip(args.src, args.lists, args.jobs), args)


def _folder(args: argparse.Namespace) -> int:
    selection = select_folders(args.day, args.night, test=args.test, day_thermal=args.day_thermal)
    return _write(selection, args, keep_16_bit=args.keep_16_bit)


def _coco(args: argparse.Namespace) -> int:
    own = dict(args.meanings)
    selection = select_coco(args.annotations, args.frames, args.folder, own, args.jobs)
    return _write(selection, args, keep_16_bit=args.keep_16_bit)


def _yolo(args: argparse.Namespace) -> int:
    own = dict(args.meanings)
    selection = select_yolo(args.frames, args.labels, args.names, args.folder, own, args.jobs)
    return _write(selection, args, keep_16_bit=args.keep_16_bit)


def _street(args: argparse.Namespace) -> int:
    first, last = args.seeds
    if last < first:
        raise DataError(f'--seeds {first} {last}: the last is before the first')
    count = write_streets(args.out, range(first, last + 1), args.frames)
    print(f'{args.out}: {count} frames of {last + 1 - first} streets')
    return 0


def _write(selection: Selection, args: argparse.Namespace, *, keep_16_bit: bool = False) -> int:
    edges = None if args.night_edges == 'none' else _methods(args)
    options = Options(args.size, edges, keep_16_bit, args.jobs, args.overwrite)
    _print(prepare(selection, args.out, options), args.out)
    return 0


def _methods(args: argparse.Namespace) -> EdgeMethods:
    return EdgeMethods(args.day_edges, args.night_edges)


def _masks(args: argparse.Namespace) -> int:
    list_images(args.data / 'trainA')
    masks: Masks = 'finished' if args.finished else 'teachers'
    update(args.data, {MASKS: masks})
    print(f'{args.data}: training {"leaves" if args.finished else "denoises"} the label maps')
    return 0


def _edges(args: argparse.Namespace) -> int:
    for folder in trained(args.data):
        list_images(folder)
    methods = _methods(args)
    settings = edge_settings(methods)
    check_settings(args.data, settings, overwrite=args.overwrite)
    update(args.data, settings)
    done = write_edges(args.data, methods, jobs=args.jobs, overwrite=args.overwrite)
    _print(update(args.data, settings, done), args.data)
    return 0


def _print(record: dict[str, Any], data: Path) -> None:
    table = Table('folder', 'pictures', 'written', 'kept', 'sizes')
    for name, folder in record['folders'].items():
        sizes = list(folder['sizes'])
        shown = ', '.join(sizes[:3]) + (f' and {len(sizes) - 3} others' if len(sizes) > 3 else '')
        table.add_row(
            name, str(folder['pictures']), str(folder['written']), str(folder['kept']), shown
        )
    console = Console()
    console.print(table)
    for note in record.get('notes', []):
        console.print(f'note: {note}', markup=False, highlight=False, soft_wrap=True)
    console.print(f'{data} is ready', markup=False, highlight=False, soft_wrap=True)
