# Shared by the scripts: what they say, and how they get the tools they need.  Sourced, not run.

if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
  green=$'\033[1;32m' bold=$'\033[1m' plain=$'\033[0m'
else
  green='' bold='' plain=''
fi
say()  { printf '%s==>%s %s%s%s\n' "$green" "$plain" "$bold" "$*" "$plain" >&2; }
die()  { printf 'error: %s\n' "$1" >&2; [ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2; exit 1; }

# apt_install PACKAGE... : through sudo where not root, and only what is missing.
apt_install() {
  local missing=() p
  for p in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "these packages are missing: ${missing[*]}" "install them with your package manager and run this again"
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "these Debian packages are missing: ${missing[*]}" "as root: apt-get install ${missing[*]}"
    sudo=(sudo)
  fi
  say "installing Debian packages: ${missing[*]}"
  local log; log=$(mktemp)
  # What comes with a daemon (nginx) is a program for us: Debian starts no service where this policy says so.
  if ! "${sudo[@]}" sh -c '
      policy=/usr/sbin/policy-rc.d
      [ -e $policy ] || { trap "rm -f $policy" EXIT; printf "#!/bin/sh\nexit 101\n" >$policy; chmod 755 $policy; }
      apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@"' - "${missing[@]}" >"$log" 2>&1; then
    tail -n 15 "$log" >&2; rm -f "$log"
    die "apt-get could not install ${missing[*]}" "see its last lines above"
  fi
  rm -f "$log"
}

# need_uv : sets UV, installing uv into .tools with the machine's own python where it is absent.
need_uv() {
  UV=$(command -v uv || true)
  [ -z "$UV" ] || return 0
  UV=$PWD/.tools/bin/uv
  [ ! -x "$UV" ] || return 0
  python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
  say "installing uv into .tools"
  python3 -m venv .tools
  .tools/bin/python -m pip install --quiet --disable-pip-version-check uv || die "pip could not install uv" "is a Python package index reachable?"
}

# python_env SET : .venv holds exactly requirements/SET.lock and wherry itself, in place.
python_env() {
  local stamp=.venv/.wherry-$1 set
  # The packages of `dev` are more than those of `run`: what has them needs nothing.
  for set in "$1" dev; do
    if [ -x .venv/bin/wherry ] && [ ".venv/.wherry-$set" -nt "requirements/$set.lock" ] \
      && [ ".venv/.wherry-$set" -nt pyproject.toml ]; then
      return 0
    fi
  done
  need_uv
  # The machine's own certificates: a package index behind a company's proxy is signed by its own.
  export UV_NATIVE_TLS=1 UV_SYSTEM_CERTS=1
  say "Python packages ($1) into .venv"
  export UV_LINK_MODE=copy
  [ -x .venv/bin/python ] || "$UV" venv --quiet --python '>=3.11' .venv
  "$UV" pip sync --quiet --require-hashes --python .venv/bin/python "requirements/$1.lock"
  "$UV" pip install --quiet --no-deps --python .venv/bin/python -e .
  .venv/bin/python -m compileall -q src .venv/lib 2>/dev/null || true
  rm -f .venv/.wherry-*
  touch "$stamp"
}
