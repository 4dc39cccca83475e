"""Ending sessions from a shell: inside a container, and here when the runner is gone.

Where there is no pid namespace, a program could leave children behind that ignore the hang-up of
their terminal, and the runner may be killed before it can end them. A guardian outlives it: a shell
at the other end of a pipe, which ends every session that was entrusted to it when the pipe ends.
"""

from __future__ import annotations

import subprocess
from typing import IO, Final

LEAVE_LIMIT: Final = 10.0  # seconds for the guardian to end what is left

# Function `end_session N`: kill every process of a session, until a look at /proc finds none.
# Fields of /proc/PID/stat behind the name in brackets: state, parent, group, session (proc(5)).
END_SESSION: Final = """
end_session() {
  wanted=$1 again=yes
  while [ $again ]; do
    again=
    for stat in /proc/[0-9]*/stat; do
      { read -r line < $stat; } 2>/dev/null || continue
      pid=${line%% *}
      set -- ${line##*) }
      if [ "$4" = "$wanted" ] && [ "$1" != Z ]; then kill -KILL $pid 2>/dev/null && again=yes; fi
    done
  done
}
"""
WATCH: Final = (
    END_SESSION
    + """
trap '' INT TERM HUP
sessions=' '
while read -r sign number; do
  case $sign in
    +) sessions="$sessions$number " ;;
    -) sessions="${sessions%% $number *} ${sessions#* $number }" ;;
  esac
done
for session in $sessions; do end_session $session; done
"""
)


class Guardian:
    """Ends what the runner leaves behind, however the runner ends."""

    def __init__(self) -> None:
        self._shell = subprocess.Popen(
            ["sh", "-c", WATCH], stdin=subprocess.PIPE, start_new_session=True, text=True
        )

    def entrust(self, session: int) -> None:
        """From now on it sees to the end of this session."""
        self._say(f"+ {session}")

    def release(self, session: int) -> None:
        """The session has ended; its number may soon be another's."""
        self._say(f"- {session}")

    def _say(self, line: str) -> None:
        pipe: IO[str] | None = self._shell.stdin
        if pipe is not None and not pipe.closed:
            pipe.write(f"{line}\n")
            pipe.flush()

    def close(self) -> None:
        """End every session that is left, and the guardian."""
        if self._shell.stdin is not None and not self._shell.stdin.closed:
            self._shell.stdin.close()
        self._shell.wait(LEAVE_LIMIT)
