"""ACP with acp.el, on which Emacs' agent-shell stands; where a checkout of it is.

`REPOCTX_ACP_EL` names the folder: README.md says more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("acp", reason="the extra acp is not installed")

from editor.acp_side import PATIENCE, environment, scripted
from editor.test_acp import ANSWER, FILES, PRODUCT
from repos import make_repo

FOLDER = Path(os.environ.get("REPOCTX_ACP_EL", "/nowhere"))

pytestmark = pytest.mark.skipif(
    not (FOLDER / "acp.el").is_file() or shutil.which("emacs") is None,
    reason="emacs or a checkout of acp.el ($REPOCTX_ACP_EL) is not here",
)

LISP = """
(add-to-list 'load-path "{folder}")
(require 'acp)
(setq client (acp-make-client :command "{python}"
                              :command-params '("-m" "repoctx" "acp")
                              :context-buffer (current-buffer)))
(setq done nil)
(acp-subscribe-to-errors
 :client client
 :on-error (lambda (error) (unless done (message "error %S" error))))
(acp-subscribe-to-notifications
 :client client
 :on-notification
 (lambda (note)
   (message "told %s" (map-nested-elt note '(params update sessionUpdate)))))
(defun text-of (path)
  (with-temp-buffer (insert-file-contents path) (buffer-string)))
(acp-subscribe-to-requests
 :client client
 :on-request
 (lambda (request)
   (let ((id (map-elt request 'id)) (path (map-nested-elt request '(params path))))
     (message "asked %s" (map-elt request 'method))
     (acp-send-response
      :client client
      :response
      (pcase (map-elt request 'method)
        ("session/request_permission"
         (acp-make-session-request-permission-response
          :request-id id :option-id "allow"))
        ("fs/read_text_file"
         (acp-make-fs-read-text-file-response :request-id id :content (text-of path)))
        ("fs/write_text_file"
         (with-temp-file path (insert (map-nested-elt request '(params content))))
         (acp-make-fs-write-text-file-response :request-id id)))))))
(defun call (request) (acp-send-request :client client :request request :sync t))
(call (acp-make-initialize-request :protocol-version 1 :read-text-file-capability t
                                   :write-text-file-capability t))
(let ((id (map-elt (call (acp-make-session-new-request :cwd default-directory))
                   'sessionId)))
  (dolist (words '("what does add do?" "/edit make it multiply" "/cost"))
    (let ((prompt (vector (list '(type . "text") (cons 'text words)))))
      (message "stop %s"
               (map-elt (call (acp-make-session-prompt-request
                               :session-id id :prompt prompt))
                        'stopReason)))))
(setq done t)
(acp-shutdown :client client)
"""


def test_it_asks_and_edits_and_hears_of_no_error(tmp_path: Path) -> None:
    home = tmp_path / "home"
    repo = make_repo(tmp_path / "repo", FILES)
    edit = {"text": PRODUCT, "match": "multiply"}
    env = environment(home, **scripted(home, edit, {"text": ANSWER}))
    script = tmp_path / "test.el"
    script.write_text(LISP.format(folder=FOLDER, python=sys.executable))
    done = subprocess.run(
        ["emacs", "-Q", "--batch", "-l", str(script)],
        cwd=repo,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    said = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout
    assert said.count("stop end_turn") == 3, done.stdout
    assert "asked session/request_permission" in said
    assert {"told plan", "told tool_call", "told usage_update"} <= {*said}
    assert not [line for line in said if line.startswith("error")]
    assert "a * b" in (repo / "calc.py").read_text()
