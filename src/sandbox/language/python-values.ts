/**
 * The part of Python's driver that turns a value into JSON text, as source. DataFrames become arrays of records, a
 * Series a record by its labels (an array where its labels are mere positions), NumPy arrays become arrays, integers
 * that JSON's readers would round become text, what is not finite becomes null.
 */
export const pythonValues = `# --- values as JSON ---------------------------------------------------------------------------------------------------


class NoData(Exception):
    pass


def make_encoder():
    """encode(value, limit) -> JSON text. Holds on to everything it needs."""
    try:
        from _json import encode_basestring_ascii as quote
    except ImportError:
        from json.encoder import py_encode_basestring_ascii as quote
    modules = sys.modules
    exact_limit = 2**53

    def number(value):
        if -exact_limit <= value <= exact_limit:
            return int.__repr__(value)
        return quote(int.__repr__(value))  # JSON's readers would round it.

    def real(value):
        if value != value or value in (float("inf"), float("-inf")):
            return "null"
        return float.__repr__(value)

    def encode(value, limit):
        parts = []
        size = 0

        def put(text):
            nonlocal size
            size += len(text)
            if size > limit:
                raise NoData("it is larger than the limit of %d bytes" % limit)
            parts.append(text)

        def sequence(values, depth):
            put("[")
            separator = ""
            for member in values:
                put(separator)
                separator = ","
                walk(member, depth + 1)
            put("]")

        def mapping(items, depth):
            put("{")
            separator = ""
            for key, member in items:
                put(separator + quote(key if isinstance(key, str) else str(key)) + ":")
                separator = ","
                walk(member, depth + 1)
            put("}")

        def walk(value, depth):
            if depth > DEEPEST:
                raise NoData("it is nested deeper than %d levels" % DEEPEST)
            if value is None:
                put("null")
            elif value is True:
                put("true")
            elif value is False:
                put("false")
            elif isinstance(value, str):
                put(quote(str.__str__(value)))
            elif isinstance(value, int) and type(value).__module__ != "enum":
                put(number(value))
            elif isinstance(value, float):
                put(real(value))
            elif isinstance(value, dict):
                mapping(dict.items(value), depth)
            elif isinstance(value, tuple) and hasattr(value, "_fields"):
                mapping(zip(value._fields, value), depth)
            elif isinstance(value, (list, tuple, set, frozenset, range, type({}.keys()), type({}.values()))):
                sequence(value, depth)
            elif isinstance(value, (bytes, bytearray)):
                import binascii

                mapping([("base64", binascii.b2a_base64(bytes(value), newline=False).decode("ascii"))], depth)
            else:
                other(value, depth)

        def other(value, depth):
            kind = type(value)
            numpy = modules.get("numpy")
            pandas = modules.get("pandas")
            if pandas is not None and table(pandas, value, depth):
                return
            if numpy is not None and hasattr(numpy, "ndarray"):
                if isinstance(value, numpy.ndarray):
                    if value.size > limit:
                        raise NoData("it is larger than the limit of %d bytes" % limit)
                    return walk(value.tolist(), depth)
                if isinstance(value, numpy.generic):
                    item = value.item()
                    if not isinstance(item, numpy.generic):
                        return walk(item, depth)
            if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
                return mapping([(name, getattr(value, name)) for name in value.__dataclass_fields__], depth)
            if hasattr(value, "isoformat"):
                return put(quote(str(value.isoformat())))
            if kind.__module__ in ("decimal", "fractions", "uuid", "pathlib", "datetime") or isinstance(value, complex):
                return put(quote(str(value)))
            if isinstance(getattr(kind, "__members__", None), type(type.__dict__)) and hasattr(value, "value"):
                return walk(value.value, depth)
            if depth == 0:
                raise NoData("it is no data but of type %s" % kind.__qualname__)
            put(quote(repr(value)[:1000]))

        def table(pandas, value, depth):
            plain = lambda index: isinstance(index, pandas.RangeIndex) and index.start == 0 and index.step == 1
            if value is pandas.NaT or value is getattr(pandas, "NA", pandas.NaT):
                put("null")
            elif isinstance(value, pandas.DataFrame):
                if value.size > limit:
                    raise NoData("it is larger than the limit of %d bytes" % limit)
                frame = value if plain(value.index) else value.reset_index()
                names = [label(name) for name in frame.columns]
                columns = [frame.iloc[:, place].tolist() for place in range(len(names))]
                rows = (zip(names, row) for row in zip(*columns)) if columns else ()
                put("[")
                separator = ""
                for row in rows:
                    put(separator)
                    separator = ","
                    mapping(row, depth + 1)
                put("]")
            elif isinstance(value, pandas.Series):
                if plain(value.index):
                    sequence(value.tolist(), depth)
                elif value.index.is_unique:
                    mapping(zip([label(name) for name in value.index], value.tolist()), depth)
                else:
                    pairs = zip(value.index.tolist(), value.tolist())
                    sequence([{"index": label(name), "value": member} for name, member in pairs], depth)
            elif isinstance(value, pandas.Index):
                sequence(value.tolist(), depth)
            elif isinstance(value, (pandas.Period, pandas.Interval, pandas.Timedelta)):
                put(quote(str(value)))
            elif isinstance(value, pandas.Categorical):
                sequence(list(value), depth)
            else:
                return False
            return True

        def label(name):
            if isinstance(name, tuple):
                return ", ".join([str(part) for part in name])
            return str(name)

        walk(value, 0)
        return "".join(parts)

    return encode


`;
