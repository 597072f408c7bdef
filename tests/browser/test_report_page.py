"""The report in headless Chromium: it runs and asks for nothing, can be read by everyone, and fits screens and paper.

`make test-browser` installs what these tests need; without it they are skipped.
"""

import shutil
from dataclasses import replace

import pytest
from figure_rows import sheets
from report_facts import facts

from emotion_cli.reporting import figures, report

playwright = pytest.importorskip("playwright.sync_api", reason="`make test-browser` installs playwright and Chromium")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="`make test-browser` installs axe")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("`make test-browser` installs Chromium, which is not here", allow_module_level=True)

SCREENS = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1400, "height": 900}}
SETTINGS = {
    "light": {"color_scheme": "light", "media": "screen"},
    "dark": {"color_scheme": "dark", "media": "screen"},
    "print": {"color_scheme": "light", "media": "print"},
}
PAPER = {"A4": (595, 842), "Letter": (612, 792)}
"""In points."""
BETWEEN_MARGINS = 695
"""Width of the narrower paper, less its margins, in pixels."""


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as started:
        # a container has no rights to a sandbox of its own
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=report.LANGUAGES)
def address(request, tmp_path_factory):
    """A report with long names and real figures, in each language."""
    given = facts(models=(("a-model-with-a-long-name", 8), ("m2", 8)))
    drawn = [draw().files()["svg"] for draw in sheets(["joy", "rage", "shame"], ["m1", "m2"]).values()]
    pictures = [
        report.Picture(f"{i}.png", svg, kind, ("m1",), ("two", "one"), caption)
        for i, svg in enumerate(drawn)
        for kind, _, caption in [figures.described(svg)]
    ]
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_bytes(report.pages(replace(given, pictures=pictures), request.param)["report.html"])
    return path.as_uri()


@pytest.fixture(params=[(screen, setting) for screen in SCREENS for setting in SETTINGS], ids="-".join)
def page(request, chromium, address):
    """The page on a screen of some size, in light, in dark and as it is printed; what it logs and asks for is kept."""
    screen, setting = request.param
    opened = chromium.new_page(viewport=SCREENS[screen])
    opened.emulate_media(**SETTINGS[setting])
    opened.said, opened.asked = [], []
    opened.on("console", lambda message: opened.said.append(message.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.goto(address)
    yield opened
    opened.close()


def test_nothing_is_logged_and_nothing_requested(page, address):
    page.wait_for_load_state("networkidle")
    assert page.said == [] and page.asked == [address]


def test_axe_finds_nothing(page):
    found = axe.Axe().run(page).response
    assert len(found["passes"]) > 20
    assert [(fault["id"], node["html"]) for fault in found["violations"] for node in fault["nodes"]] == []


def test_the_page_itself_never_scrolls_sideways(page):
    if page.evaluate("matchMedia('print').matches"):
        page.set_viewport_size({"width": BETWEEN_MARGINS, "height": 900})
    assert page.evaluate("document.scrollingElement.scrollWidth <= document.scrollingElement.clientWidth")


def test_what_scrolls_can_be_reached_with_the_keyboard_and_says_so(page):
    scrolling = page.evaluate(
        """[...document.querySelectorAll('main *')].filter(e => e.scrollWidth > e.clientWidth + 1
            && ['auto', 'scroll'].includes(getComputedStyle(e).overflowX))
            .map(e => [e.className || e.tagName, e.tabIndex, e.nextElementSibling ?
                       getComputedStyle(e.nextElementSibling).display : ''])"""
    )
    assert all(tab == 0 for _, tab, _ in scrolling)
    if page.viewport_size["width"] < 1000 and page.evaluate("matchMedia('screen').matches"):
        assert scrolling and all(hint == "block" for name, _, hint in scrolling if name == "scroll")
    if page.evaluate("matchMedia('print').matches"):
        assert scrolling == []


def test_tables_fit_a_desk(chromium, address):
    page = chromium.new_page(viewport=SCREENS["desk"])
    page.goto(address)
    wide = page.evaluate("[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length")
    page.close()
    assert wide == 0


def test_words_in_figures_are_text(page):
    texts = page.evaluate("[...document.querySelectorAll('figure svg text')].map(e => e.textContent)")
    assert "AUROC" in texts and "joy" in texts
    page.evaluate("getSelection().selectAllChildren(document.querySelector('figure svg'))")
    assert "AUROC" in page.evaluate("getSelection().toString()")


def test_dark_figures_stand_on_the_dark_page(chromium, address):
    page = chromium.new_page(color_scheme="dark")
    page.goto(address)
    ink, ground = page.evaluate(
        """[getComputedStyle(document.querySelector('figure svg text')).fill,
            getComputedStyle(document.body).backgroundColor]"""
    )
    page.close()

    def brightness(colour):
        return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))

    assert brightness(ink) > 3 * 150 and brightness(ground) < 3 * 50


@pytest.mark.parametrize("paper", PAPER)
def test_it_prints_on_both_papers(chromium, address, paper):
    page = chromium.new_page(color_scheme="dark")
    page.goto(address)
    printed = page.pdf(format=paper)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.close()
    width, height = PAPER[paper]
    boxes = {tuple(round(float(end)) for end in box.split()[2:]) for box in media_boxes(printed)}
    assert boxes and all(abs(box[0] - width) <= 1 and abs(box[1] - height) <= 1 for box in boxes)


def media_boxes(pdf):
    return [part.split("]")[0] for part in pdf.decode("latin-1").split("/MediaBox [")[1:]]


def test_it_is_the_same_page_without_scripts(chromium, address):
    shown = []
    for with_scripts in (True, False):
        context = chromium.new_context(java_script_enabled=with_scripts, viewport=SCREENS["desk"])
        page = context.new_page()
        page.goto(address)
        shown.append(page.screenshot())
        context.close()
    assert shown[0] == shown[1]
