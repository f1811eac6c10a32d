"""The pages of the manual name files, arguments, tools and tests that exist."""

import ast
from pathlib import Path
import re

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ('install', 'containers', 'cameras', 'files', 'datasets', 'troubleshooting', 'security')
PAGES = {name: (ROOT / 'docs' / f'{name}.md').read_text(encoding='utf-8') for name in NAMES}

# All pages that people read, those of the models too; `out` and `runs` are not among them.
MANUAL = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ('*.md', 'docs/**/*.md', 'models/*.md', 'docker/**/*.md')
    for path in ROOT.glob(pattern)
)

# Arguments of launch files and names of remaps that are not ours.
FOREIGN = {'dev', 'video_mode', '__ns'}


def headings(page: Path) -> set[str]:
    """Name the anchors of a page as GitHub does."""
    titles = re.findall(r'^#+ (.+)$', page.read_text(encoding='utf-8'), flags=re.MULTILINE)
    return {re.sub(r'[^\w -]', '', title.lower()).replace(' ', '-') for title in titles}


@pytest.mark.parametrize('page', MANUAL)
def test_links_lead_somewhere(page):
    path = ROOT / page
    for link in re.findall(r'\]\(([^):]+)\)', path.read_text(encoding='utf-8')):
        file, _, anchor = link.partition('#')
        target = path.parent / file if file else path
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


@pytest.mark.parametrize('name', NAMES)
def test_launch_arguments_exist(name):
    declared = ''.join(file.read_text() for file in (ROOT / 'launch').iterdir() if file.is_file())
    for argument in set(re.findall(r'(?<![\w-])(\w+):=', PAGES[name])) - FOREIGN:
        assert f"'{argument}'" in declared, argument


@pytest.mark.parametrize('name', NAMES)
def test_programs_and_files_of_the_package_exist(name):
    setup = (ROOT / 'setup.py').read_text()
    for program in re.findall(r'ros2 run morngan_ros (?!NAME)(\w+)', PAGES[name]):
        assert f"'{program} = " in setup, program
    for file in re.findall(r'ros2 launch morngan_ros (\S+)', PAGES[name]):
        assert (ROOT / 'launch' / file).is_file(), file
    for file in re.findall(r'--share morngan_ros\)/(\S+)', PAGES[name]):
        assert (ROOT / file).is_file(), file


def test_options_of_the_converters_exist(capsys):
    from morngan_ros.tools import flir_to_bag
    from morngan_ros.tools import images_to_bag
    from morngan_ros.tools import kaist_to_bag

    for tool in (flir_to_bag, images_to_bag, kaist_to_bag):
        with pytest.raises(SystemExit):
            tool.main(['--help'])
        options = set(re.findall(r'--[\w-]+', capsys.readouterr().out))
        name = tool.__name__.split('.')[-1]
        for line in re.findall(rf'^ros2 run morngan_ros {name} (.*)$', PAGES['datasets'], re.M):
            assert set(re.findall(r'--[\w-]+', line)) <= options, line


def test_options_of_colorize_exist(capsys):
    from morngan_ros.tools import colorize

    with pytest.raises(SystemExit):
        colorize.main(['--help'])
    options = set(re.findall(r'--[\w-]+', capsys.readouterr().out))
    named = re.sub(r'ffmpeg.*', '', PAGES['files'])
    assert set(re.findall(r'(?<![\w-])--[a-z][\w-]+', named)) <= options


def test_every_complaint_has_a_proof_that_exists():
    rows = re.findall(r'^\| (\d+) \| .+ \| (.+) \|$', PAGES['troubleshooting'], re.M)
    assert [int(number) for number, _ in rows] == list(range(1, 19))
    for number, proof in rows:
        tests = re.findall(r'`([\w/]+\.py)::(\w+)`', proof)
        assert tests, number
        for file, test in tests:
            tree = ast.parse((ROOT / 'test/morngan_ros' / file).read_text())
            assert test in {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}, test
