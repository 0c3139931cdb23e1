# Debian packages: the lists, and how what is missing gets installed. Sourced by ./run and ./test.
# docs/dependencies.md gives the reason for each.

build_packages=(
  ca-certificates clang-19 libclang-rt-19-dev lld-19 libstdc++-12-dev cmake ninja-build python3
  libboost1.81-dev libboost-json1.81-dev libssl-dev libpq-dev libsqlite3-dev libpugixml-dev
  libfmt-dev libcli11-dev libzstd-dev libjemalloc-dev libhiredis-dev
  libyaml-cpp-dev prometheus-cpp-dev doctest-dev
)
test_packages=(
  ccache clang-format-19 llvm-19 postgresql-15 redis-server nginx python3-pytest openssl
  pgbouncer prometheus zsh fish
)
bench_packages=(nginx wrk util-linux)

say() { printf '%s\n' "==> $*"; }

# run_quietly LOG TEXT CMD...: output goes to LOG; on failure its end is shown.
run_quietly() {
  local log=$1 text=$2 status=0
  shift 2
  say "$text"
  "$@" >"$log" 2>&1 || status=$?
  if ((status != 0)); then
    printf '%s\n' "--- the last lines of $log:" >&2
    tail -n 40 "$log" >&2
    printf '%s\n' "--- failed: $text (exit code $status); all of it is in $log" >&2
  fi
  return "$status"
}

missing_packages() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) == "install ok installed" ]] ||
      printf '%s\n' "$package"
  done
}

# ensure_packages LOG_DIR PACKAGE...
ensure_packages() {
  local logs=$1 missing as_root=()
  shift
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    printf '%s\n' "This needs Debian 12 (apt-get and dpkg were not found)." >&2
    return 1
  fi
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} == 0)) && return 0
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      printf '%s\n' "Missing packages: ${missing[*]}" \
        "Install them as root (apt-get install ${missing[*]}), then start this again." >&2
      return 1
    fi
    as_root=(sudo)
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8)
  local apt=(apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
  # A broken third-party list must not stop us: what is needed comes from Debian itself.
  run_quietly "$logs/apt-update.log" "refreshing the package lists" \
    "${as_root[@]}" "${apt[@]}" update || true
  run_quietly "$logs/apt-install.log" "installing ${#missing[@]} packages: ${missing[*]}" \
    "${as_root[@]}" "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null
}

# How many compilers fit: one per processor, and about one per GiB of memory.
compile_jobs() {
  local processors gibibytes
  processors=$(nproc)
  gibibytes=$(awk '/^MemAvailable:/ {print int($2 / 1048576)}' /proc/meminfo)
  ((gibibytes < 1)) && gibibytes=1
  ((processors < gibibytes)) && printf '%s\n' "$processors" || printf '%s\n' "$gibibytes"
}

# show_progress: of ninja's "[12/98] ..." lines, one for each tenth of the work.
show_progress() {
  local line tenth shown=0
  while IFS= read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] && ((BASH_REMATCH[2] >= 10)) || continue
    tenth=$((10 * BASH_REMATCH[1] / BASH_REMATCH[2]))
    ((tenth > shown)) || continue
    shown=$tenth
    printf '    %s of %s steps\n' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
  done
}

# build_with_progress LOG DIRECTORY CMAKE-BUILD-ARGUMENTS...: one build at a time in a directory.
build_with_progress() {
  local log=$1 directory=$2 status=0
  shift 2
  {
    flock 9
    NINJA_STATUS='[%f/%t] ' cmake --build "$directory" "$@" -j "$(compile_jobs)" 2>&1 9>&- |
      tee "$log" | show_progress
  } 9>"$directory/.lock" || status=$?
  if ((status != 0)); then
    printf '%s\n' "--- the build failed; from $log:" >&2
    grep -E -A6 '(error:|FAILED:)' "$log" | head -n 60 >&2 || tail -n 40 "$log" >&2
  fi
  return "$status"
}
