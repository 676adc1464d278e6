#!/bin/sh
# Runs after the package was installed or upgraded: makes systemd read the unit, and restarts a service that runs.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl try-restart eventagg.service
fi
