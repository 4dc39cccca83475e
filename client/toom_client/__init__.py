"""The terminal client: a person's seat in the conference.

`commands` and `wording` are pure; `line_editor` is the terminal's typing as an engine; `keyboard`,
`screen`, `link` and `transfers` are the shells; `app` puts them together.
"""
