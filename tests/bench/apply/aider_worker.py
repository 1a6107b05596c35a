"""Runs in aider's own Python: applies answers through aider's coder classes.

One JSON object a line in (format, root, answers), one out (code, message). The coder is
made without a model: only what ``get_edits`` and ``apply_edits`` use is set. Every file
of the tree is in the chat, and every question is answered with yes.
"""

import json
import os
import re
import sys
from pathlib import Path

from aider.coders.editblock_coder import EditBlockCoder
from aider.coders.udiff_coder import UnifiedDiffCoder
from aider.coders.wholefile_coder import WholeFileCoder
from aider.io import InputOutput

CODERS = {
    "udiff": UnifiedDiffCoder,
    "search": EditBlockCoder,
    "whole": WholeFileCoder,
}


def apply(task):
    """Exit code and message of one answer."""
    root = Path(task["root"])
    data = b"".join(Path(path).read_bytes() for path in task["answers"])
    coder = object.__new__(CODERS[task["format"]])
    coder.io = InputOutput(pretty=False, yes=True, fancy_input=False)
    coder.root = str(root)
    coder.repo = None
    coder.abs_root_path_cache = {}
    coder.abs_fnames = {
        str(path)
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }
    coder.abs_read_only_fnames = set()
    coder.need_commit_before_edits = set()
    coder.shell_commands = []
    coder.fence = ("`" * 3, "`" * 3)
    text = data.decode("utf-8", "replace")
    if task["format"] == "udiff":  # its prompt asks for bare names and no git lines
        text = re.sub(
            r"^(diff --git|index|new file mode|similarity) .*\n", "", text, flags=re.M
        )
        text = re.sub(r"^(---|\+\+\+) [ab]/", r"\1 ", text, flags=re.M)
    if "````" in text:
        coder.fence = ("`" * 4, "`" * 4)
    coder.partial_response_content = text
    coder.multi_response_content = ""
    edits = coder.get_edits()
    if not edits:
        return 1, "no edits found"
    edits = coder.apply_edits_dry_run(edits)
    for edit in edits:  # as prepare_to_edit does, when told to create new files
        if not (path := Path(coder.abs_root_path(edit[0]))).exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    coder.apply_edits(edits)
    return 0, ""


def main():
    """Serve until the input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        task = json.loads(line)
        os.environ["HOME"] = task["home"]
        os.chdir(task["root"])
        try:
            code, message = apply(task)
        except Exception as exc:  # noqa: BLE001
            code, message = 1, f"{type(exc).__name__}: {exc}"
        replies.write(json.dumps({"code": code, "message": message[:2000]}) + "\n")
        replies.flush()


main()
