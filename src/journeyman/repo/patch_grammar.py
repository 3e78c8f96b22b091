"""How a model is told about the patch format."""

APPLY_PATCH_GRAMMAR = r"""
start: "*** Begin Patch" NL operation+ "*** End Patch" NL?

operation: create | remove | change

create: "*** Add File: " LINE NL added+
remove: "*** Delete File: " LINE NL
change: "*** Update File: " LINE NL (target | sections | target sections)

target: "*** Move to: " LINE NL
sections: first later*
first: heading* edit+ tail?
later: heading+ edit+ tail?
heading: "@@" (" " LINE)? NL
edit: added | removed | kept
added: "+" LINE? NL
removed: "-" LINE? NL
kept: " " LINE? NL
tail: "*** End of File" NL

LINE: /[^\r\n]+/
NL: /\n/
""".lstrip()

APPLY_PATCH_HELP = """\
Edit files with a patch; all of it applies or none. Paths are relative. Format:
*** Begin Patch
*** Update File: a.py
@@ def f(x):
 context line
-old line
+new line
*** Add File: b.py
+each line with a plus
*** Delete File: c.py
*** End Patch
Every line under Update starts with a space (kept), - or +. Give 3 kept lines around a change, copied exactly; \
`@@ line` jumps below that line when they are not unique. `*** Move to: path` after Update File renames. \
Changes go from the top of the file down."""
"""The description of the tool, under 160 tokens."""
