;;; repoctx.el --- ask, edit and filter by repoctx  -*- lexical-binding: t -*-

;; Emacs 28 or newer.  Put it into your load-path, and into your init file:
;;
;;   (require 'repoctx)
;;   (repoctx-eglot)          ; findings by flymake, fixes by eglot-code-actions
;;
;; M-x repoctx-filter rewrites the region, M-x repoctx-ask answers about it, and with
;; eglot M-x repoctx-edit changes whatever files need it, in their buffers.

(defvar repoctx-program '("repoctx") "How repoctx is called.")
(defvar eglot-server-programs)
(declare-function eglot-current-server "eglot")
(declare-function eglot-execute-command "eglot")
(declare-function eglot--TextDocumentIdentifier "eglot")

(defun repoctx-eglot ()
  "Let eglot start repoctx for every mode that has no language server of its own."
  (require 'eglot)
  (add-to-list 'eglot-server-programs
               (cons '(prog-mode text-mode) (append repoctx-program '("lsp")))
               t))

(defun repoctx--range (start end)
  "The lines of START to END, as the server wants them."
  (list :start (list :line (1- (line-number-at-pos start)) :character 0)
        :end (list :line (line-number-at-pos (max start (1- end))) :character 0)))

(defun repoctx--call (command name text start end)
  "Run COMMAND with TEXT as NAME about the lines from START to END."
  (eglot-execute-command
   (or (eglot-current-server) (user-error "Start eglot here first"))
   command
   (vector (append (eglot--TextDocumentIdentifier)
                   (list name text :show :json-false)
                   (and start (list :range (repoctx--range start end)))))))

(defun repoctx-ask (question &optional start end)
  "Answer QUESTION about the region from START to END, or the file."
  (interactive (cons (read-string "Ask: ")
                     (and (use-region-p) (list (region-beginning) (region-end)))))
  (let ((line (line-number-at-pos (or start (point))))
        (last (line-number-at-pos (max (point-min) (1- (or end (1+ (point)))))))
        (file (or (buffer-file-name) (user-error "This buffer has no file"))))
    (with-current-buffer (get-buffer-create "*repoctx*")
      (erase-buffer)
      (apply #'call-process (car repoctx-program) nil '(t nil) nil
             (append (cdr repoctx-program)
                     (list "ask" "-q" "--path" file)
                     (and start (list "--line" (format "%d-%d" line (max line last))))
                     (list question)))
      (goto-char (point-min))
      (display-buffer (current-buffer)))))

(defun repoctx-edit (instruction &optional start end)
  "Have INSTRUCTION carried out for the region from START to END, or the file."
  (interactive (cons (read-string "Edit: ")
                     (and (use-region-p) (list (region-beginning) (region-end)))))
  (repoctx--call "repoctx.edit" :instruction instruction start end))

(defun repoctx-filter (instruction start end)
  "Rewrite the region from START to END by INSTRUCTION.
After a failure it is as it was; `repoctx log --last' says why."
  (interactive (list (read-string "Rewrite: ") (region-beginning) (region-end)))
  (let* ((line (line-number-at-pos start))
         (place (and (buffer-file-name) (list "--path" (buffer-file-name))))
         (arguments (append (cdr repoctx-program) '("filter") place
                            (list "--line" (number-to-string line) instruction)))
         (status (apply #'call-process-region start end (car repoctx-program)
                        t '(t nil) nil arguments)))
    (unless (eq status 0)
      (message "repoctx: nothing was changed; repoctx log --last says why"))))

(provide 'repoctx)
;;; repoctx.el ends here
