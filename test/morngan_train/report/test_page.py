"""The page in a real browser, from a file, as a person uses it."""

from collections.abc import Iterator
import json
from pathlib import Path

from chromium import Chromium
from chromium import find_chromium
import numpy as np
import pytest

from morngan_train.report.command import write_report

SIZES = """[...document.images].map((image) => image.decode().then(
    () => [image.naturalWidth, image.naturalHeight], () => [0, 0]))"""


@pytest.fixture(scope='module')
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    program = find_chromium()
    if program is None:
        pytest.skip('needs Chromium: apt install chromium')
    with Chromium(program, tmp_path_factory.mktemp('profile')) as chromium:
        yield chromium


@pytest.fixture(scope='module')
def file(evaluations, run_folder, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('page') / 'page.html'
    write_report(evaluations, [run_folder], path)
    return path


@pytest.fixture
def page(browser: Chromium, file: Path) -> Iterator[Chromium]:
    """The page, freshly opened; whatever a test does, nothing may complain or be fetched."""
    browser.problems.clear()
    browser.requests.clear()
    browser.resize(1280)
    browser.open(file)
    yield browser
    assert browser.problems == []
    assert browser.requests == [file.resolve().as_uri()]


def source(page: Chromium, selector: str) -> str:
    value = page.run(f'document.querySelector({json.dumps(selector)}).src')
    assert isinstance(value, str)
    return value


def text(page: Chromium, selector: str) -> str:
    value = page.run(f'document.querySelector({json.dumps(selector)}).textContent')
    assert isinstance(value, str)
    return value


def seam(page: Chromium) -> float:
    """Return where the right picture begins, as a share of the width."""
    clip = page.run('getComputedStyle(document.querySelector("#right-picture")).clipPath')
    assert clip.startswith('inset(')
    return float(clip.split()[-1].rstrip('%)')) / 100


def test_all_pictures_load(page):
    sizes = page.run(f'Promise.all({SIZES})')
    # Two of the comparison, 6 thumbnails, 4 side by side, 3 worst and best of two methods: the raw
    # frames are all alike.
    assert len(sizes) == 2 + 6 + 4 + 2 * 6
    assert sizes.count([112, 90]) == 6
    assert sizes.count([160, 128]) == len(sizes) - 6


def test_the_divider_can_be_dragged_and_moved_by_keys(page):
    assert seam(page) == pytest.approx(0.5)
    left, top, width, height = page.place('#viewer')
    middle = top + height / 2
    page.drag((left + width / 2, middle), (left + width / 4, middle))
    assert seam(page) == pytest.approx(0.25, abs=0.02)
    before = seam(page)
    page.press('ArrowRight')  # the divider has the focus: the frame stays
    assert seam(page) > before
    assert text(page, '#count') == '1 of 6'
    page.press('Home')
    assert seam(page) == 0


def test_the_divider_shows_one_picture_on_each_side(page, pixels, tmp_path):
    import cv2

    page.choose('#left', 0)
    page.choose('#right', 2)
    left, top, width, height = page.place('#viewer')
    page.run(f'Promise.all({SIZES})')
    page.screenshot(tmp_path / 'window.png')
    window = cv2.imread(str(tmp_path / 'window.png'))
    shown = window[int(top) : int(top + height), int(left) : int(left + width)]
    area = (slice(None), slice(None))
    thermal, color = (
        cv2.resize(pixels(name, 0), shown.shape[1::-1]).astype(float) for name in ('raw', 'shipped')
    )
    # Away from the tags above, the rounded corners and the divider.
    rows = slice(len(shown) // 4, int(len(shown) * 0.9))
    for columns, right, wrong in ((0.1, thermal, color), (0.6, color, thermal)):
        area = rows, slice(int(width * columns), int(width * (columns + 0.3)))
        distance = [np.abs(shown[area] - picture[area]).mean() for picture in (right, wrong)]
        assert distance[0] < 8
        assert distance[1] > 2 * distance[0]


def test_frames_change_by_buttons_keys_thumbnails_and_choice(page):
    first = source(page, '#left-picture')
    page.click('#next')
    assert text(page, '#count') == '2 of 6'
    assert source(page, '#left-picture') != first
    page.run('document.activeElement.blur()')
    page.press('ArrowRight')
    page.press('ArrowRight')
    page.press('ArrowLeft')
    assert text(page, '#count') == '3 of 6'
    page.click('#strip li:nth-child(5) button')
    assert text(page, '#count') == '5 of 6'
    assert page.run('document.querySelectorAll("#strip [aria-current]").length') == 1
    page.choose('#frame', 5)
    assert text(page, '#count') == '6 of 6'
    page.click('#next')
    assert text(page, '#count') == '1 of 6'
    assert source(page, '#left-picture') == first


def test_scores_are_those_of_the_frame(page, evaluations):
    frames = json.loads(evaluations[1].read_text())['per_frame']
    for number, scores in enumerate(frames.values()):
        page.choose('#frame', number)
        row = '#frame-scores tbody tr:nth-child(2)'
        assert text(page, f'{row} th') == 'shipped'
        assert text(page, f'{row} td') == f'{scores["apce"]:.3f}'


def test_sides_are_chosen_and_swapped(page, evaluations):
    left, right = source(page, '#left-picture'), source(page, '#right-picture')
    page.press('s')
    assert source(page, '#left-picture') == right
    page.click('#swap')
    assert source(page, '#left-picture') == left
    page.choose('#right', 2)
    assert text(page, '#right-tag') == 'shipped'
    page.choose('#right', 3)
    assert text(page, '#right-tag') == evaluations[2].stem
    assert source(page, '#right-picture') == source(page, '#all figure:nth-child(4) img')


def test_worst_and_best_frames_open(page, evaluations):
    frames = json.loads(evaluations[1].read_text())['per_frame']
    ranked = sorted((scores['apce'], stem) for stem, scores in frames.items())
    worst, best = (
        '.rank:nth-child(1) > div:nth-of-type(1)',
        '.rank:nth-child(1) > div:nth-of-type(2)',
    )
    assert text(page, f'{worst} li:nth-child(1) span') == ranked[0][1]
    assert text(page, f'{best} li:nth-child(1) b') == f'{ranked[-1][0]:.3f}'
    page.click(f'{worst} li:nth-child(1) button')
    assert text(page, '#frame-scores caption') == ranked[0][1]
    assert (text(page, '#left-tag'), text(page, '#right-tag')) == ('thermal', 'shipped')


def test_charts_tell_their_values(page, evaluations):
    curve = json.loads(evaluations[1].read_text())['apce_curve']
    left, top, width, height = page.place('.curve .plot')
    page.point(left + 0.3 * width, top + height / 2)
    shown = text(page, '.curve .legend li:nth-child(2) output')
    assert float(shown) == pytest.approx(curve[29], abs=0.005)
    page.run('document.querySelector(".curve .chart").focus()')
    page.press('ArrowRight')
    shown = text(page, '.curve .legend li:nth-child(2) output')
    assert text(page, '.curve .legend li:nth-child(3) output').endswith(' at 0.31')
    assert float(shown) == pytest.approx(curve[30], abs=0.005)
    assert text(page, '#count') == '1 of 6'
    left, top, width, height = page.place('.panels figure:nth-child(1) .plot')
    page.point(left + 0.5 * width, top + height / 2)
    assert text(page, '.panels figure:nth-child(1) output') == '0.5 · step 20, 0a'


def test_the_papers_rows_are_those_of_the_chosen_data(page):
    def shown() -> list[str]:
        value = page.run(
            '[...document.querySelectorAll(".paper")].filter(e => e.offsetHeight)'
            '.map(e => e.dataset.paper)'
        )
        assert isinstance(value, list)
        return value

    assert set(shown()) == {'FLIR'}
    page.click('[name="paper"][value="KAIST"]')
    assert 'FLIR' not in shown()
    page.click('[name="paper"][value="none"]')
    assert shown() == []


@pytest.mark.parametrize('dark', [False, True])
@pytest.mark.parametrize('width', [360, 820, 1600])
def test_nothing_sticks_out_and_words_can_be_read(page, width, dark):
    page.resize(width, dark=dark)
    assert page.run('document.documentElement.scrollWidth') <= width
    ink, paper = (
        np.array(page.run(f'getComputedStyle(document.body).{name}.match(/\\d+/g).map(Number)'))
        for name in ('color', 'backgroundColor')
    )
    assert (ink[:3].mean() > paper[:3].mean()) == dark
    assert np.abs(ink[:3] - paper[:3]).min() > 150


def test_every_control_has_a_name(page):
    unnamed = page.run(
        """[...document.querySelectorAll('button, select, input, a, [role="img"]')].filter((e) =>
        !(e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim() || e.title
          || e.querySelector('img[alt]'))).map((e) => e.outerHTML)"""
    )
    assert unnamed == []
    assert page.run('[...document.images].filter((e) => !e.alt).length') == 0
