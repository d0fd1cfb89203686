"""Files as version 1.0.0 left them, at every stage: what it was, the data, {suffix: bytes}."""

# ruff: noqa: E501
# fmt: off

FILES = [
    (
        'closed',
        {'long': 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 'user': {'name': 'J€', 'tags': ['a', 1.5, None]}},
        {
            '': b'{\n"long":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",\n"user":{"name":"J\xe2\x82\xac","tags":["a",1.5,null]}\n}\n\t \t\t \t  \t\t  \t\t\t\t \t\t\t   \t\t\t\t \t\t\t\t\n',
        },
    ),
    (
        'with a tip',
        {'long': 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 'user': {'name': 'J€', 'tags': ['a', 1.5, None]}, 'a': 1, 'b': [2]},
        {
            '': b'{\n"long":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",\n"user":{"name":"J\xe2\x82\xac","tags":["a",1.5,null]}\n}\n\t \t\t \t  \t\t  \t\t\t\t \t\t\t   \t\t\t\t \t\t\t\t\n',
            '.tip': b'["a",1] a3c5cac0\n["b",[2]] e05682c7\n',
        },
    ),
    (
        'with a log, and a tip that is in it already',
        {'long': 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 'user': {'name': 'J€', 'tags': ['a', 1.5, None]}, 'a': 11, 'c': {'n': 1}},
        {
            '': b'{\n"long":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",\n"user":{"name":"J\xe2\x82\xac","tags":["a",1.5,null]}\n}\n\t \t\t \t  \t\t  \t\t\t\t \t\t\t   \t\t\t\t \t\t\t\t\n',
            '.log': b'["a",1] a3c5cac0\n["b",[2]] e05682c7\n["a",10] 0db7ddeb\n["a",11] ebbb82fe\n["c",{"n":1}]+d9e0e9d4\n["b"] 0a5b3f34\n',
            '.tip': b'["a",1] a3c5cac0\n["b",[2]] e05682c7\n["a",10] 0db7ddeb\n["a",11] ebbb82fe\n',
        },
    ),
    (
        'with a log and a tip',
        {'long': 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 'user': {'name': 'J€', 'tags': ['a', 1.5, None]}, 'a': 11, 'c': {'n': 1}, 'd': 4},
        {
            '': b'{\n"long":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",\n"user":{"name":"J\xe2\x82\xac","tags":["a",1.5,null]}\n}\n\t \t\t \t  \t\t  \t\t\t\t \t\t\t   \t\t\t\t \t\t\t\t\n',
            '.log': b'["a",1] a3c5cac0\n["b",[2]] e05682c7\n["a",10] 0db7ddeb\n["a",11] ebbb82fe\n["c",{"n":1}]+d9e0e9d4\n["b"] 0a5b3f34\n',
            '.tip': b'["d",4] 93801fd6\n',
        },
    ),
    (
        'with a journal from before the fold',
        {'long': 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 'user': {'name': 'J€', 'tags': ['a', 1.5, None]}, 'a': 11, 'c': {'n': 1}, 'd': 4},
        {
            '': b'{\n"long":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",\n"user":{"name":"J\xe2\x82\xac","tags":["a",1.5,null]},\n"a":11,\n"c":{"n":1},\n"d":4\n}\n \t  \t   \t\t\t \t\t\t \t\t    \t\t\t\t  \t \t \n',
            '.log': b'["a",1] a3c5cac0\n["b",[2]] e05682c7\n["a",10] 0db7ddeb\n["a",11] ebbb82fe\n["c",{"n":1}]+d9e0e9d4\n["b"] 0a5b3f34\n',
            '.tip': b'["d",4] 93801fd6\n',
        },
    ),
    (
        'with a rename that was cut, on FAT',
        {'long': 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 'user': {'name': 'J€', 'tags': ['a', 1.5, None]}, 'a': 11, 'c': {'n': 1}, 'd': 4},
        {
            '.tmp': b'{\n"long":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",\n"user":{"name":"J\xe2\x82\xac","tags":["a",1.5,null]},\n"a":11,\n"c":{"n":1},\n"d":4\n}\n \t  \t   \t\t\t \t\t\t \t\t    \t\t\t\t  \t \t \n',
        },
    ),
    (
        'with a torn tip',
        {'long': 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 'user': {'name': 'J€', 'tags': ['a', 1.5, None]}, 'a': 11, 'c': {'n': 1}},
        {
            '': b'{\n"long":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",\n"user":{"name":"J\xe2\x82\xac","tags":["a",1.5,null]}\n}\n\t \t\t \t  \t\t  \t\t\t\t \t\t\t   \t\t\t\t \t\t\t\t\n',
            '.log': b'["a",1] a3c5cac0\n["b",[2]] e05682c7\n["a",10] 0db7ddeb\n["a",11] ebbb82fe\n["c",{"n":1}]+d9e0e9d4\n["b"] 0a5b3f34\n',
            '.tip': b'["d",4] 9380',
        },
    ),
]
