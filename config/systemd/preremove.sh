#!/bin/sh
# Runs before the package is removed. An upgrade (deb: "upgrade", rpm: 1) leaves the service running.
set -e
case "${1:-}" in remove | 0)
  [ ! -d /run/systemd/system ] || systemctl disable --now eventagg.service
  ;;
esac
