#!/usr/bin/env bash
# The action's own step: from a checkout of tcplab to the command `tcplab` for this job's next steps. action.yml runs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

if ! /sbin/ldconfig -p | grep -q 'libnftables\.so\.1'; then
  as_root apt-get update -qq
  as_root apt-get install -y -qq --no-install-recommends libnftables1
fi

# Ubuntu 23.10 and later: without it an ordinary user gets no network namespace.
limit=/proc/sys/kernel/apparmor_restrict_unprivileged_userns
if [ -e "$limit" ] && [ "$(cat "$limit")" != 0 ]; then
  as_root sysctl -q -w kernel.apparmor_restrict_unprivileged_userns=0
fi

# npm ci and the build.
node scripts/start.mjs --version

mkdir -p "${RUNNER_TEMP:?}/tcplab-bin"
ln -sf "$PWD/dist/cli/main.js" "$RUNNER_TEMP/tcplab-bin/tcplab"
echo "$RUNNER_TEMP/tcplab-bin" >>"${GITHUB_PATH:?}"
