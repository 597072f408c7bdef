"""What the shell completes is what the store holds and what ships."""

import pytest
from command import arguments, environment


def completed(line, store, cwd):
    import subprocess

    words = {"_EMO_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    done = subprocess.run(
        [arguments()[0], "-m", "emotion_cli"],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        env=environment(**words, EMO_STORE=str(store)),
    )
    assert "Traceback" not in done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("emo vectors -d m", ["mine"]),
        ("emo plot -m tiny-g", ["tiny-gpt2"]),
        ("emo show tiny-w", ["tiny-wide"]),
        ("emo compare -e ", ["calm", "rage", "thanks"]),
        ("emo sql vector_n", ["vector_norms_by_layer"]),
        ("emo tables vector", ["vectors", "vector_quality", "vector_norms_by_layer"]),
        ("emo datasets show heldo", ["heldout"]),
        ("emo datasets audit min", ["mine"]),
        ("emo rm -d mi", ["mine"]),
        ("emo models check gemma", ["gemma3-270m"]),
        ("emo run --reference o", ["others"]),
        ("emo run --dtype b", ["bfloat16"]),
        ("emo vectors --method w", ["whitened"]),
        ("emo vectors --pooling l", ["last"]),
        ("emo extract --recipe con", ["concepts"]),
    ],
)
def test_values_are_completed(workplace, tmp_path, line, expected):
    assert completed(line, workplace.store, tmp_path) == expected


def test_where_no_store_is_only_what_ships_is_completed(tmp_path):
    assert completed("emo vectors -d i", tmp_path / "none", tmp_path) == ["implicit", "implicit-heldout"]
    assert not (tmp_path / "none").exists()


def test_a_broken_settings_file_completes_nothing_and_is_no_error(tmp_path):
    (tmp_path / "emo.toml").write_text("= broken")
    assert completed("emo vectors -d i", tmp_path, tmp_path) == []
