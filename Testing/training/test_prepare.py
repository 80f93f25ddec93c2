"""The prepare command: its table, its options, and what it says of a folder without data."""

from __future__ import annotations

import subprocess
import sys

import pytest

from Testing.training.raw_data import body, nnunet, reference, write
from Training.data.layouts.registry import LAYOUTS
from Training.data.manifest import read_manifest
from Training.prepare import main


def test_table(tmp_path, capsys):
    values = {"liver": 1, "spleen": 2}
    raw = nnunet(tmp_path / "raw", "a", values=values, declared=values | {"fat": 3})
    write(raw / "imagesTr" / "u_0000.nii.gz", body(9))
    write(raw / "imagesTs" / "t_0000.nii.gz", body(8))
    write(raw / "labelsTs" / "t.nii.gz", reference({"liver": 1}))
    assert main([str(raw), str(tmp_path / "out"), "--workers", "0"]) == 0
    printed = capsys.readouterr().out
    for text in ("80 x 60 x 8", "1.5 x 1.5 x 5", "liver 10, spleen 4", "unlabelled", "2 cases, 16 slices",
                 "become nothing: fat.", "no case annotates: aorta, gallbladder", "(--with-test takes them): t."):
        assert text in printed
    assert main([str(raw), str(tmp_path / "out"), "--workers", "0", "--with-test"]) == 0
    printed = capsys.readouterr().out
    assert "no spleen" in printed and "not to be trained on: t." in printed


def test_help_names_units(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    assert "in mm" in printed and "HU" in printed and "{nnunet,btcv,transunet,totalsegmentator,scans}" in printed


def test_command_line_overrides_the_file(tmp_path):
    raw, out = nnunet(tmp_path / "raw", "a", "b"), tmp_path / "out"
    (tmp_path / "prepare.yaml").write_text(f"raw: {raw}\nout: {out}\nworkers: 0\nskip: [a]\n"
                                           "window_hu: [-100, 200]\npixel_spacing_mm: 2\n")
    assert main(["--config", str(tmp_path / "prepare.yaml"), "--window-hu", "-50", "150"]) == 0
    manifest = read_manifest(out)
    assert (manifest.window_hu, manifest.pixel_spacing_mm) == ((-50.0, 150.0), 2.0)
    assert [case.name for case in manifest.cases] == ["b"]


@pytest.mark.parametrize("option", [["--workers", "many"], ["--window-hu", "1"], ["--layout", "prepared"],
                                    ["--spcaing", "x.yaml"]])
def test_wrong_options(tmp_path, capsys, option):
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path), str(tmp_path / "out"), *option])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.count("\n") == 1 and error.startswith("mistkd prepare: error: ")


def test_workers_do_not_wait_for_pytorch():
    code = "import sys; import Training.prepare; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_no_data_set(tmp_path, capsys):
    assert main([str(tmp_path), str(tmp_path / "out")]) == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1 + len(LAYOUTS) and "no data set of a known layout" in error
    assert not (tmp_path / "out").exists()
