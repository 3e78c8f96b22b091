"""Which grammar reads a file, and what in its tree is a definition or an import.

In the queries a capture `name` is what a definition is called; the capture beside it says what it is and spans it.
"""

from dataclasses import dataclass

_JAVASCRIPT = """
(function_declaration name: (identifier) @name) @function
(generator_function_declaration name: (identifier) @name) @function
(class_declaration name: (_) @name) @class
(method_definition name: (_) @name) @function
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression)]) @function
(program (lexical_declaration (variable_declarator name: (identifier) @name)) @constant)
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name)) @constant))
(import_statement source: (string) @import)
(export_statement source: (string) @import)
(call_expression function: (identifier) @_call arguments: (arguments (string) @import) (#eq? @_call "require"))
"""
_TYPESCRIPT = (
    _JAVASCRIPT
    + """
(abstract_class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @type
(type_alias_declaration name: (_) @name) @type
(enum_declaration name: (_) @name) @type
"""
)
_C = """
(function_definition declarator: (function_declarator declarator: (_) @name)) @function
(function_definition declarator: (pointer_declarator declarator: (function_declarator declarator: (_) @name))) @function
(struct_specifier name: (type_identifier) @name body: (_)) @type
(union_specifier name: (type_identifier) @name body: (_)) @type
(enum_specifier name: (type_identifier) @name body: (_)) @type
(type_definition declarator: (type_identifier) @name) @type
(preproc_def name: (identifier) @name) @constant
(preproc_function_def name: (identifier) @name) @function
(preproc_include path: (_) @import)
"""


@dataclass(frozen=True, slots=True)
class Language:
    """A grammar: the module that has it, the function there that gives it, and the query for what counts."""

    module: str
    query: str
    function: str = "language"


LANGUAGES: dict[str, Language] = {
    "python": Language(
        "tree_sitter_python",
        """
(class_definition name: (identifier) @name) @class
(function_definition name: (identifier) @name) @function
(module (expression_statement (assignment left: (identifier) @name)) @constant)
(import_statement name: (_) @import)
(import_from_statement) @import
""",
    ),
    "javascript": Language("tree_sitter_javascript", _JAVASCRIPT),
    "typescript": Language("tree_sitter_typescript", _TYPESCRIPT, "language_typescript"),
    "tsx": Language("tree_sitter_typescript", _TYPESCRIPT, "language_tsx"),
    "go": Language(
        "tree_sitter_go",
        """
(function_declaration name: (identifier) @name) @function
(method_declaration name: (field_identifier) @name) @function
(type_spec name: (type_identifier) @name) @type
(source_file (const_declaration (const_spec name: (identifier) @name) @constant))
(source_file (var_declaration (var_spec name: (identifier) @name) @constant))
(import_spec path: (_) @import)
""",
    ),
    "rust": Language(
        "tree_sitter_rust",
        """
(function_item name: (identifier) @name) @function
(struct_item name: (type_identifier) @name) @type
(enum_item name: (type_identifier) @name) @type
(trait_item name: (type_identifier) @name) @type
(type_item name: (type_identifier) @name) @type
(impl_item type: (_) @name) @class
(mod_item name: (identifier) @name body: (_)) @class
(const_item name: (identifier) @name) @constant
(static_item name: (identifier) @name) @constant
(macro_definition name: (identifier) @name) @function
(use_declaration argument: (_) @import)
""",
    ),
    "java": Language(
        "tree_sitter_java",
        """
(class_declaration name: (identifier) @name) @class
(interface_declaration name: (identifier) @name) @type
(enum_declaration name: (identifier) @name) @type
(record_declaration name: (identifier) @name) @type
(method_declaration name: (identifier) @name) @function
(constructor_declaration name: (identifier) @name) @function
(import_declaration (_) @import)
""",
    ),
    "c": Language("tree_sitter_c", _C),
    "cpp": Language(
        "tree_sitter_cpp",
        _C
        + """
(class_specifier name: (_) @name body: (_)) @class
(namespace_definition name: (_) @name) @class
(function_definition declarator: (reference_declarator (function_declarator declarator: (_) @name))) @function
""",
    ),
    "ruby": Language(
        "tree_sitter_ruby",
        """
(class name: (_) @name) @class
(module name: (_) @name) @class
(method name: (_) @name) @function
(singleton_method name: (_) @name) @function
(program (assignment left: (constant) @name) @constant)
(call method: (identifier) @_call arguments: (argument_list (string) @import) (#match? @_call "^require"))
""",
    ),
}

ENDINGS: dict[str, str] = {
    **dict.fromkeys((".py", ".pyi", ".pyw"), "python"),
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx"), "javascript"),
    **dict.fromkeys((".ts", ".mts", ".cts"), "typescript"),
    ".tsx": "tsx",
    ".go": "go",
    ".rs": "rust",
    ".java": "java",
    **dict.fromkeys((".c", ".h"), "c"),
    **dict.fromkeys((".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx"), "cpp"),
    **dict.fromkeys((".rb", ".rake"), "ruby"),
}
_TEXTS = (
    ".md .rst .txt .adoc .toml .yaml .yml .ini .cfg .conf .sh .bash .zsh .fish .sql .html .css .scss .less .vue "
    ".svelte .cs .php .kt .kts .swift .scala .pl .pm .lua .ex .exs .erl .hs .ml .clj .r .jl .dart .zig .nim .proto "
    ".graphql .gradle .cmake .tf .nix .ps1 .bat .json .xml .j2 .tmpl .in"
)
TEXTS = frozenset(_TEXTS.split())
"""Endings of files that are read as text."""
DATA = frozenset((".json", ".xml", ".html", ".txt", ".sql", ".css"))
"""Those of them that are mostly data: only their beginning is read."""
NOISE = (".min.js", ".min.css", ".lock", "-lock.json", ".map", ".snap")
BARE = frozenset(("makefile", "dockerfile", "rakefile", "gemfile", "procfile", "justfile", "readme", "license"))
"""Names without an ending that are text."""


def language_of(path: str) -> str | None:
    """The key of `LANGUAGES` for a path, "text" for other text, "data" for what mostly is data, None for no text."""
    name = path.rsplit("/", 1)[-1].lower()
    if name.endswith(NOISE):
        return None
    dot = name.rfind(".")
    ending = name[dot:] if dot > 0 else ""
    if ending in ENDINGS:
        return ENDINGS[ending]
    if ending in DATA:
        return "data"
    return "text" if ending in TEXTS or name.partition(".")[0] in BARE else None
