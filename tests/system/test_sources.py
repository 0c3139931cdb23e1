"""The checks of ./test notice what they are for."""
import subprocess

import pytest

from conftest import ROOT

CMAKE = ("b3_room(base      LIBS fmt::fmt)\nb3_room(model     ROOMS base)\n"
         "b3_room(store     ROOMS model LIBS SQLite::SQLite3)\n")


def check(tmp_path, **files):
    (tmp_path / "CMakeLists.txt").write_text(CMAKE)
    for name, text in files.items():
        path = tmp_path / "src" / name.replace("__", "/").replace("_h", ".h")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = subprocess.run([ROOT / "scripts/check-rooms", tmp_path], capture_output=True, text=True)
    return done.returncode, done.stdout


def test_own_and_lower_rooms_may_be_included(tmp_path):
    code, said = check(tmp_path, store__a_h='#include "store/b.h"\n#include "model/c.h"\n'
                                            '#include "base/d.h"\n#include <vector>\n')
    assert code == 0, said


@pytest.mark.parametrize("line", ['#include "store/b.h"', '  #  include "store/b.h"',
                                  '#include "nowhere/b.h"', '#include "b.h"'])
def test_other_rooms_may_not(tmp_path, line):
    code, said = check(tmp_path, model__a_h="#pragma once\n" + line + "\n")
    assert code == 1 and "src/model/a.h:2" in said


def test_files_are_limited_in_size(tmp_path):
    assert check(tmp_path, model__a_h="\n" * 400)[0] == 0
    code, said = check(tmp_path, model__a_h="\n" * 401)
    assert code == 1 and "401" in said


def test_a_folder_that_is_no_room_is_noticed(tmp_path):
    assert check(tmp_path, attic__a_h="")[0] == 1


def test_results_are_counted_truthfully(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text('<testsuite><testcase name="a" status="run"/><testcase name="b"/>'
                      '<testcase name="c" status="fail"><failure/></testcase>'
                      '<testcase name="d"><skipped/></testcase><testcase name="e"><error/></testcase>'
                      '<testcase name="f" status="notrun"/></testsuite>')
    done = subprocess.run([ROOT / "scripts/count-results", report], capture_output=True, text=True)
    assert done.stdout.split() == ["2", "4"]
