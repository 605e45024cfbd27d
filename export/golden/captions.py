"""Captions of the golden pairs: what the web holds, the odd ones on purpose."""

from __future__ import annotations

PLAIN: tuple[str, ...] = (
    "a red apple",
    "A photo of a dog",
    "an icon of a rocket on a blue background",
    "sunflower, flat design",
    "Fire engine next to a police car",
    "the face of a smiling cat with heart eyes",
    "yellow taxi",
    "a slice of pizza",
    "green frog face",
    "snowman without snow",
    "a cup of hot coffee, steaming",
    "violin and bow",
    "sailboat at sea",
    "an octopus",
    "red umbrella in the rain",
    "mushroom with white dots",
)

ODD: tuple[str, ...] = (
    "Buy NOW!!! 50% OFF -- www.example.com/deals?id=42&ref=home",
    "CAFÃ‰ CRÃˆME â€“ la meilleure tasse",  # noqa: RUF001 - UTF-8 read as Windows-1252
    "Tom &amp;amp; Jerry &lt;3 &#9829; &quot;best friends&quot;",
    "“Curly quotes” and ‘single ones’ — it’s a dog’s life…",  # noqa: RUF001
    "富士山と桜の写真",
    "빨간 사과 한 개",
    "красное яблоко на столе",
    "تفاحة حمراء",
    "🍎 red apple 🍏 green apple 👩‍👩‍👧‍👦 family 🏳️‍🌈",
    "ＦＵＬＬ　ＷＩＤＴＨ　ｔｅｘｔ　１２３",  # noqa: RUF001
    "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG " * 12,
    "tab\tnew\nline\r\nand\u000bcontrol\u0000\u001f\u007f characters\u200b\u00ad",
    "ﬁne ﬂowers, ½ price, №1 — ΟΔΟΣ ὈΔΥΣΣΕΎΣ İstanbul",
    "don't we've I'll they're she'd 'tis o'clock rock'n'roll",
    "a caption that says <end_of_text> in the middle of a red apple",
    "<start_of_text> dog <START_OF_TEXT> <end_of_text>",
    "1234567890 3.14159 1,000,000 2nd 0xFF 10^-9",
    "x",
    "l'été à Paris ; Übergröße ; señor ; smörgåsbord ; zażółć gęślą jaźń",
    "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis " * 4,
    "_underscored_file_name_IMG_0042.JPG",
    "#sunset #nofilter @someone 💯💯💯",
    "......!!!!????  ;;  ---  ///",
    "a  lot   of    white     space      \u3000 and\u00a0no-break",
)

CAPTIONS: tuple[str, ...] = PLAIN + ODD
