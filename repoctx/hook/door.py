"""``repoctx hook``: the command line of hooks, without the command-line library.

A commit waits for this process, so nothing is imported before it is needed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from repoctx.errors import Interrupted, RepoctxError, UsageError

HOOKS = ("pre-commit", "pre-merge-commit", "pre-push", "prepare-commit-msg")
"""The hooks that can be installed and run."""

SEVERITIES = ("critical", "error", "warning", "info", "never")

SECONDS = 10.0
"""What a commit waits for a review at most, unless told otherwise."""

EXAMPLES = """examples:
  repoctx hook install                     advisory: it says what it sees
  repoctx hook install --fail-on error     a finding of this severity stops a commit
  repoctx hook install --chain             run the hook that is there first
  repoctx hook install --config            in git's configuration (git 2.54 and later)
  repoctx hook install --global            the same, for all your repositories
  repoctx hook install --hook prepare-commit-msg -m MODEL     drafts the message
  repoctx hook status
  repoctx hook uninstall
  repoctx hook run pre-commit --fail-on critical

REPOCTX_SKIP=1 skips a review, as does `git commit --no-verify`.
"""


def main(argv: Sequence[str]) -> int:
    """Run ``repoctx hook ARGV``; the exit code."""
    # What git passes on stands behind "--"; argparse would mix it with the rest.
    cut = argv.index("--") if "--" in argv else len(argv)
    args = _parser().parse_args(argv[:cut])
    args.rest = list(argv[cut + 1 :])
    try:
        action: Callable[[argparse.Namespace], int] = args.action
        return action(args)
    except RepoctxError as exc:
        sys.stderr.write(f"repoctx: {exc}\n")
        return exc.code
    except KeyboardInterrupt:
        return Interrupted.code
    except BrokenPipeError:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="repoctx hook",
        description="Review what is being committed, in a git hook.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-C", "--repo", type=Path, default=Path(), metavar="DIR")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    run = verbs.add_parser("run", help="what the installed hook calls")
    run.add_argument("hook", choices=HOOKS)
    _limits(run)
    run.set_defaults(action=_run)

    install = verbs.add_parser("install", help="put a hook into this repository")
    install.add_argument("--hook", choices=HOOKS, default="pre-commit")
    install.add_argument(
        "--chain", action="store_true", help="keep the hook that is there, run it first"
    )
    _ways(install)
    _limits(install)
    install.set_defaults(action=_install)

    uninstall = verbs.add_parser("uninstall", help="take it out; all as it was before")
    uninstall.add_argument("--hook", choices=HOOKS, default="pre-commit")
    _ways(uninstall)
    uninstall.set_defaults(action=_uninstall)

    status = verbs.add_parser("status", help="which hooks are installed, and where")
    status.set_defaults(action=_status)
    return parser


def _ways(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        action="store_true",
        help="in the repository's git configuration, beside any hook file",
    )
    parser.add_argument(
        "--global",
        dest="everywhere",
        action="store_true",
        help="in your own git configuration: every repository has it",
    )


def _limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fail-on",
        choices=SEVERITIES,
        default="never",
        help="stop the commit from this severity on (default: never)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        help=f"what a commit waits at most (default: {SECONDS:g})",
    )
    parser.add_argument(
        "-m", "--model", default="", help="a model that reviews too (default: none)"
    )
    parser.add_argument(
        "--max-cost", type=float, default=0.0, help="USD that it may cost at most"
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop the commit also when the review itself fails",
    )


def _run(args: argparse.Namespace) -> int:
    from repoctx.hook.run import Terms, run

    terms = Terms(args.fail_on, args.seconds, args.strict, args.model, args.max_cost)
    if args.hook == "prepare-commit-msg":
        from repoctx.hook.message import prepare

        return prepare(args.repo, args.rest, terms)
    return run(args.hook, args.repo, terms)


def _options(args: argparse.Namespace) -> list[str]:
    """The options that the installed hook passes on, defaults left out."""
    options = []
    if args.fail_on != "never":
        options += ["--fail-on", args.fail_on]
    if args.seconds != SECONDS:
        options += ["--seconds", f"{args.seconds:g}"]
    if args.model:
        options += ["--model", args.model]
    if args.max_cost:
        options += ["--max-cost", f"{args.max_cost:g}"]
    return [*options, *(["--strict"] if args.strict else [])]


def _install(args: argparse.Namespace) -> int:
    from repoctx.hook import configured
    from repoctx.hook.install import install

    if args.seconds <= 0:
        raise UsageError("--seconds must be more than nothing")
    if args.hook == "prepare-commit-msg" and not args.model:
        raise UsageError("a message is drafted by a model: name it with -m")
    where: object
    if args.config or args.everywhere:
        if args.chain:
            raise UsageError("--chain is for hook files: this stands beside them")
        where, done = configured.install(
            args.repo, args.hook, _options(args), everywhere=args.everywhere
        )
    elif configured.is_here(args.repo, args.hook):
        raise UsageError("it is in git's configuration: --config brings it up to date")
    else:
        where, done = install(args.repo, args.hook, _options(args), chain=args.chain)
    sys.stdout.write(f"{where}: {done}\n")
    return 0


def _uninstall(args: argparse.Namespace) -> int:
    from repoctx.hook import configured
    from repoctx.hook.install import uninstall

    where: object
    if args.config or args.everywhere or configured.is_here(args.repo, args.hook):
        where, done = configured.uninstall(
            args.repo, args.hook, everywhere=args.everywhere
        )
    else:
        where, done = uninstall(args.repo, args.hook)
    sys.stdout.write(f"{where}: {done}\n")
    return 0


def _status(args: argparse.Namespace) -> int:
    from repoctx.hook.configured import told
    from repoctx.hook.install import status

    for name in HOOKS:
        rows = told(args.repo, name)
        path, what = status(args.repo, name)
        if what != "none" or not rows:
            rows.append((what, str(path)))
        for what, where in rows:
            sys.stdout.write(f"{name:<18} {what:<30} {where}\n")
    return 0
