import errno

import pytest

from steelyard.errors import InputError
from steelyard.runtime.jobs import logged


def test_a_deliberate_error_is_one_message_that_names_the_log(tmp_path, capsys):
    log = tmp_path / "logs" / "job.log"
    with pytest.raises(SystemExit) as ended, logged(log):
        raise InputError("no branch 'm5l' in tree 'events'")
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert "no branch 'm5l'" in shown and str(log) in shown and "Traceback" not in shown
    assert "no branch 'm5l'" in log.read_text()


def test_a_bug_keeps_its_traceback(tmp_path):
    with pytest.raises(ZeroDivisionError), logged(tmp_path / "job.log"):
        1 / 0  # noqa: B018
    assert "Traceback" in (tmp_path / "job.log").read_text()


def test_the_log_of_a_job_that_went_well(tmp_path):
    with logged(tmp_path / "job.log") as log:
        log.info("hello")
    assert "hello" in (tmp_path / "job.log").read_text() and "done in" in (tmp_path / "job.log").read_text()


def test_a_log_that_cannot_be_opened_is_one_message(tmp_path, capsys, monkeypatch):
    def refuse(path, mode):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("steelyard.runtime.jobs.LogFile", refuse)
    with pytest.raises(SystemExit) as ended, logged(tmp_path / "logs" / "job.log"):
        raise AssertionError("the job does not start")
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert "cannot write" in shown and "job.log: Read-only" in shown and "Traceback" not in shown


def test_a_full_disk_cuts_the_log_short_and_nothing_else(tmp_path, capsys):
    (tmp_path / "job.log").symlink_to("/dev/full")
    with logged(tmp_path / "job.log") as log:
        log.info("lost")
    assert capsys.readouterr().err == ""
