#!/bin/bash
# Head comment.
source ./lib.sh
. /etc/profile
export PATH_LIKE=/usr/bin
LIMIT=3
readonly OTHER=x

# Builds it.
# Really.
build() {
  local hidden=1
  make "$@" | grep -v warn
  cat <<EOF
fake() { :; }
EOF
}

function deploy {
  build && ship_it
}

function both() ( subshell )

alias ll='ls -l'
if true; then
  inner() { :; }
fi
broken() {
