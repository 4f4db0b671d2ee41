"""Texts that are hard to tokenize: what the tokenizer fixtures are made of and tested with. Seeded; the same list every time."""
import random

SENTENCES = [
    "The quick brown fox jumps over the lazy dog, and then it doesn't jump any more.",
    "Which of the two answers is better? I'd say the first one, because it's shorter and it answers the question.",
    "She said: \"We'll see what they've done\" - but nobody's seen it, they're gone.",
    "A model that is trained on 57,477 battles learns a preference of 0.93 or so; that's 12% better than 2023.",
    "Please write a function that returns the sum of the first n numbers, with tests and without comments.",
    "I'm sorry, but I can't help with that request. Would you like me to suggest something else instead?",
    "In the beginning there was a question, and the question was answered twice; the judge preferred the second answer.",
    "Übergrößenträger fuhren über die Straße, während der Fuß schmerzte. Das heißt: nichts Gutes!",
    "L'été dernier, nous avons mangé des crêpes à la crème brûlée près de l'hôtel où Zoë était.",
    "El niño soñó con un pingüino. ¿Qué quería decir? ¡Nada, señor!",
    "Привет, как дела? Это предложение написано по-русски, чтобы были кириллические буквы.",
    "Το γρήγορο αλεπού πηδάει. Ο ΟΔΥΣΣΕΥΣ ήταν έξυπνος, όπως λένε.",
    "私は昨日、東京で新しい本を買いました。とても面白かったです。",
    "我昨天在北京买了一本新书，非常有意思。你觉得怎么样？",
    "나는 어제 서울에서 새 책을 샀습니다. 아주 재미있었어요.",
    "ذهبت إلى المدرسة في الصباح الباكر، ثم عدت إلى البيت.",
    "הלכתי לבית הספר בבוקר, ואז חזרתי הביתה.",
    "मैं कल दिल्ली गया था और वहाँ एक किताब खरीदी।",
    "เมื่อวานฉันไปตลาดและซื้อผลไม้มากมาย",
    "İstanbul'da ığdır ve Iğdır aynı değildir; ışık iyi.",
]

CODE = [
    "def mean(values):\n    total = 0.0\n    for v in values:\n        total += v\n    return total / len(values)\n",
    "public static int Max(int[] xs)\n{\n\tvar best = xs[0];\n\tforeach (var x in xs) if (x > best) best = x;\n\treturn best;\n}\r\n",
    "SELECT id, COUNT(*) AS n FROM battles WHERE winner <> 'tie' GROUP BY id HAVING n >= 2; -- comment",
    "const f = async (x) => ({ ...x, y: x?.y ?? `${x.z}_${1e-5}` }); // TODO!!!",
    "<div class=\"a b\" id='c'>&nbsp;<br/>text</div>\n\n\n<!-- end -->",
    "$ grep -rn 'foo_bar' ./src | awk '{print $2}' > /dev/null 2>&1 || echo \"$?\"",
    "#include <stdio.h>\nint main(void) { printf(\"%d\\n\", 1 << 3 ^ ~0x7F); return 0; }",
    "{\"key\": [1, 2.50, -3e10, null, true], \"\\u00e9\": \"\\\\n\"}",
    "https://example.org/a/b?c=d&e=%20f#g mailto:someone@example.com C:\\Users\\x\\y.txt",
    "E = mc^2; a_{ij} = \\sum_{k=1}^{n} b_{ik} c_{kj} \\le \\infty",
]

PIECES = [
    "", " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n", "\n ", "\r", "\n\n \n", "\t\t ", "\u00a0", "\u3000", "\u2028", "\u2029", "\u0085", "\x0b", "\x0c",
    "\x00", "\x01", "\x1c", "\x7f", "\u200b", "\u200c", "\u200d", "\u200e", "\ufeff", "\u00ad", "\ufffd", "\ufffe", "\uffff", "\u2060", "\ue000", "\u0378",
    "a", "A", "I", "'s", "'S", "'\u017f", "'ll", "'LL", "'Re", "'VE", "'d", "'x", "\u2019s", "don't", "DON'T", "o'clock", "'", "''", "'s's",
    "0", "12", "123", "1234", "12345678", "3.14", "1,000,000", "2nd", "x1y2", "\u00bd", "\u00b2", "\u2167", "\u2460", "\u0967\u0968", "\u0661\u0662", "\u0e51",
    "\U0001d7d8\U0001d7d9", "\u3007", "\u00bc\u00be", "\u0bf0",
    "e\u0301", "\u00e9", "\u0301", "a\u0323\u0307", "a\u0307\u0323", "q\u0307\u0323", "\u1e9b\u0323", "\u0344", "\u212b", "\u00c5", "\u2126", "\u212a", "o\u0308\u0304",
    "\u1ea5\u0323", "\u0958", "\u0915\u093c", "\u09c7\u09be", "\u0f71\u0f72\u0f74", "a\u0315\u0300\u05ae\u0300b", "\u0300a", "\u3099", "\u304b\u3099",
    "\ud55c", "\u1112\u1161\u11ab", "\u1100\u1161", "\uac00\u11a8", "\u1161", "\u11a8", "\u3131", "\uffa1",
    "\ufb01", "\ufb03", "\ufb06", "\ufdfa", "\u33a5", "\u2122", "\u00df", "\u1e9e", "\u0130", "\u0131", "\u0149", "\u01c5", "\u03a3", "\u03c2", "\u0391\u03a3", "\u1fb3", "\u0390",
    "\u65e5\u672c", "\u4e2d", "\uf900", "\U0002f800", "\U00020000", "\U00020000b", "a\U00020000b", "\U0002a6d7", "\U0002b820", "\U0002b920", "\U00030000", "\u3042", "\u30ab", "\uff21\uff22", "\uff76\uff9e",
    "\U0001d49c\U0001d4d3", "\U00010400", "\U00010428", "\U0001e900", "\U000118a0", "\U00010330",
    "\U0001f44d", "\U0001f44d\U0001f3fd", "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f3f3\ufe0f\u200d\U0001f308", "\u2764\ufe0f", "\U0001f1e9\U0001f1ea", "1\ufe0f\u20e3", "\U0001faf6",
    "\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05c1\u05b8", "\u0645\u0631\u062d\u0628\u0627", "\u064e\u0651", "\u202eabc\u202c", "\u0915\u093f", "\u0ba8\u0bcd\u0ba4", "\u0e44\u0e17\u0e22", "\u0e01\u0e33", "\u0f40\u0fb5",
    "!", "!!!", "?!", "...", "\u2026", "\u2014", "-", "--", "_", "__init__", "foo_bar", "$", "\u20ac", "+=", "==", "^", "`", "|", "~", "<", ">", "#", "@", "&", "*", "\\", "/", "//",
    "(", ")", "[]", "{}", "\u201cq\u201d", "\u00ab\u00bb", "\u3001\u3002", "\uff0c", "\u00b7", "\u2022", "\u00b0", "\u00a7", "\u2260", "\u2192", "\u2582", "\u2800",
    "[CLS]", "[SEP]", "[MASK]", "[mask]", "[PAD][PAD]", " [MASK] ", "[MASK", "<mask>", " <mask>  ", "<mask>.", "<s>", "</s>", "<|begin|>", "<|end of text|>", "<|begin", "<tag>", "<tag>ged", "un<tag>", "a <tag> b",
    "[NEW]", "a[NEW]b", " [NEW] ", "x [NEW]\ty", "Caf\u00e9", "CAF\u00c9", "cafe\u0301", "Keep", "keep", "KEEP it", "keeper", " spaced ", "longer", "longer token", "longer tokens",
    "zz", "aeiou", "xyzzy", "antidisestablishmentarianism", "Donaudampfschifffahrtsgesellschaft", "aaaaaaaaaaaaaaaaaaaaaaaaa",
]

# Texts given by their UTF-16 units: unpaired surrogates, which no UTF-8 can hold.
UNPAIRED = [
    [0xD800],
    [0xDC00],
    [0x61, 0xD83D, 0x62],
    [0xDE00, 0xD83D],
    [0x68, 0x69, 0x20, 0xD83D, 0x20, 0xD83D, 0xDE00, 0xDE00],
    [0xD800, 0xD800, 0xDC00, 0xDC00],
]

# Too long to be written out: a part and how often it is repeated.
REPEATED = [("A", 100_000), ("^", 20_000), ("ab", 10_000), (" ", 20_000), ("\n", 20_000), ("\u65e5", 10_000), ("e\u0301", 10_000), ("\U0001f44d", 10_000), ("don't ", 5_000)]


def texts(seed=20_240, mixed=180):
    """Every sentence, piece of code and piece, then mixtures of pieces."""
    random.seed(seed)
    mixtures = []
    for _ in range(mixed):
        parts = [random.choice(PIECES) for _ in range(random.choice([2, 3, 5, 8, 13]))]
        mixtures.append(random.choice(["", "", " "]).join(parts))
    return SENTENCES + CODE + PIECES + mixtures
