"""Pages that lead somewhere: links, length, and commands that exist."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from MISTKDSegmentLib.io.writing import write_scan
from MISTKDSegmentLib.phantom.abdomen import make_phantom

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTATION = ROOT / "Resources" / "Documentation"
PAGES = sorted([*ROOT.glob("*.md"), *DOCUMENTATION.glob("*.md"), *ROOT.glob("*/README.md"),
                *ROOT.glob("Testing/*/README.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """A page without code blocks, tables and pictures."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    lines = [line for line in text.splitlines() if not line.startswith(("|", "![", "<!--"))]
    return LINK.sub(lambda match: match.group(0).split("]")[0][1:], "\n".join(lines))


def anchors(page: Path) -> set[str]:
    """What headings of a page are called in links."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    return [link for link in LINK.findall(text) if not link.startswith(("http:", "https:", "mailto:"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    broken = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if link[0] != "#"]
    assert sorted(page.name for page in set(DOCUMENTATION.glob("*.md")) - reached) == []


def test_the_readme_is_short():
    text = prose(ROOT / "README.md")
    words = len(re.findall(r"\w[\w'’-]*", text))
    sentences = len(re.findall(r"[.!?:](?:\s|$)", text))
    assert words < 700
    assert words / sentences < 16


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_scripts_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?:^|\s)(Training/\w+\.py|Testing/\w+\.py|mistkd\.py)\b", text, flags=re.M)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_python_examples_run(tmp_path, monkeypatch, capsys):
    volume, _ = make_phantom(spacing_mm=(2.5, 2.5, 6.0))
    write_scan(tmp_path / "my_ct.nii.gz", volume)
    monkeypatch.chdir(tmp_path)
    text = (DOCUMENTATION / "python.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.S):
        exec(block, names)
    assert {"my_ct.seg.nrrd", "my_ct.seg.nii.gz", "my_ct.csv", "my_ct.png"} <= {*os.listdir(tmp_path)}
    assert "liver" in capsys.readouterr().out
