"""Just enough of SQLite's lexer: to find parameters, the first words and the end of a statement. It never rewrites SQL."""
import re

from troth.errors import InvalidRequest

TOKEN = re.compile(r"""
    (?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
  | (?P<string>'(?:[^']|'')*(?:'|\Z))
  | (?P<quoted>"(?:[^"]|"")*(?:"|\Z)|`(?:[^`]|``)*(?:`|\Z)|\[[^\]]*(?:\]|\Z))
  | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<param>\?\d*|[:@][\w$]+|\$[\w$]+(?:::[\w$]*)*(?:\([^)\s]*\))?)
  | (?P<word>[^\W\d][\w$]*)
  | (?P<other>.)
""", re.VERBOSE | re.DOTALL)


def tokens(sql):
    """(kind, text) of everything but white space and comments."""
    for match in TOKEN.finditer(sql):
        if match.lastgroup != "space":
            yield match.lastgroup, match.group()


def words(sql, limit):
    """The first tokens as upper-case text, for example ["INSERT", "INTO", '"T"']."""
    out = []
    for _, text in tokens(sql):
        if len(out) == limit:
            break
        out.append(text.upper())
    return out


def parameter_names(sql):
    """One entry for each parameter in SQLite's numbering: a name without its sigil, or None for ? and ?N."""
    names, numbers, highest = {}, {}, 0
    for kind, text in tokens(sql):
        if kind != "param":
            continue
        if text == "?":
            highest += 1
        elif text[0] == "?":
            highest = max(highest, int(text[1:]))
        elif text not in numbers:
            highest += 1
            numbers[text] = highest
            names[highest] = text[1:]
    return [names.get(i) for i in range(1, highest + 1)]


def positional(sql, params):
    """The parameters in the order in which SQLite numbers them. A mapping is for :name, @name and $name, a sequence for the rest."""
    if params is None:
        return ()
    if not hasattr(params, "keys"):
        if isinstance(params, (str, bytes)):
            raise InvalidRequest("INVALID_ARGUMENT", f"parameters: a {type(params).__name__} is one value, not a sequence", "write (value,)")
        return tuple(params)
    names = parameter_names(sql)
    out = []
    for number, name in enumerate(names, 1):
        if name is None:
            raise InvalidRequest("INVALID_ARGUMENT", f"parameter {number} has no name, and the parameters are a mapping")
        if name not in params:
            raise InvalidRequest("INVALID_ARGUMENT", f"the parameter {name} is missing")
        out.append(params[name])
    return tuple(out)


def unquoted(token):
    """The name that a quoted or bare identifier stands for."""
    if token[:1] in "\"`'" and len(token) > 1:
        return token[1:-1].replace(token[0] * 2, token[0])
    if token[:1] == "[":
        return token[1:-1]
    return token


def literal(text):
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
