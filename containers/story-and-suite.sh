#!/bin/sh
# What the compose service `scenarios` does: the whole story on the very hosts of this conference,
# then the suite in stages of its own. Ends with the worse of the two statuses (CONTRACT).
set -u
reports=${TOOM_REPORTS:-/work/reports}

give_back() {  # the reports belong to whoever owns their folder, even when the run is cut short
    chown -R --reference="$reports" "$reports"
}
trap give_back EXIT
trap 'exit 3' INT TERM

# Reports go where `toom run` puts them by itself: into reports/ of the directory it runs in.
cd "$(dirname "$reports")" || exit 3
toom run the_whole_story --on compose
story=$?
toom run --on docker
suite=$?
if [ "$story" -gt "$suite" ]; then exit "$story"; fi
exit "$suite"
