"""One place states the version, and the changelog has a section for each release."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.version import Version

from emotion_cli import __version__

ROOT = Path(__file__).parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HEADINGS = re.findall(r"^## (.*)$", CHANGELOG, flags=re.MULTILINE)
RELEASES = [re.fullmatch(r"(\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)", heading) for heading in HEADINGS if heading != "Unreleased"]


def test_every_section_is_a_release_with_a_date_newest_first():
    assert RELEASES and all(RELEASES), HEADINGS
    assert "Unreleased" not in HEADINGS[1:]
    order = [(match[2], Version(match[1])) for match in RELEASES]
    assert order == sorted(order, reverse=True)
    assert len({match[1] for match in RELEASES}) == len(RELEASES)


def test_the_version_is_the_newest_release_or_above_it_where_something_is_unreleased():
    newest = Version(RELEASES[0][1])
    assert Version(__version__) > newest if "Unreleased" in HEADINGS else Version(__version__) == newest


def test_one_place_states_it():
    assert PROJECT["project"]["dynamic"] == ["version"]
    stated = [path for path in (ROOT / "emotion_cli").rglob("*.py") if f'"{__version__}"' in path.read_text(encoding="utf-8")]
    assert stated == [ROOT / PROJECT["tool"]["hatch"]["version"]["path"]]


def test_the_citation_and_the_metadata_of_the_wheel_name_the_same_people_words_and_places():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    metadata = PROJECT["project"]
    assert [author["name"] for author in metadata["authors"]] == [author["name"] for author in citation["authors"]]
    assert metadata["keywords"] == citation["keywords"]
    assert set(metadata.get("urls", {}).values()) == {citation[key] for key in ("url", "repository-code") if key in citation}


def test_the_pythons_are_those_that_ci_tries():
    ci = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    tried = ci["jobs"]["versions"]["strategy"]["matrix"]["python"]
    prefix = "Programming Language :: Python :: 3."
    stated = [name for name in PROJECT["project"]["classifiers"] if name.startswith(prefix)]
    assert stated == [f"Programming Language :: Python :: {version}" for version in tried]
    assert PROJECT["project"]["requires-python"] == f">={tried[0]}"


def test_the_citation_has_what_its_format_requires_and_the_licence_of_the_project():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["license"] == PROJECT["project"]["license"]
    assert "version" not in citation  # one place states it
