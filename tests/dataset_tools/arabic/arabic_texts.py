"""Strategies and sample sentences for the tests of Arabic text."""

from hypothesis import strategies as st

SENTENCES = (
    "ما حالة الطقس في الرياض غدا؟",
    "عايز أعرف سعر الدولار النهارده",
    "شو أخبار الجو بكرا بعمان",
    "بغيت نشري تذكرة القطار لمراكش",
    "أبي أحجز طاولة لأربعة أشخاص الساعة 8",
    "اقرأ سورة الإخلاص بصوت القارئ",
)

ARABIC_HEAVY = st.text(
    alphabet=st.one_of(
        st.characters(min_codepoint=0x0600, max_codepoint=0x06FF),
        st.sampled_from("ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءأإآؤئ"),
        st.sampled_from("\u064b\u064e\u0651\u0652\u0653\u0654\u0655\u0670ـیکپچڤگ٠۵٫٬"),
        st.sampled_from("\u200b\u200c\u200d\u200e\u200f\u202e\u2066\ufeff\u00ad\u00a0\u2009 "),
        st.sampled_from("ﷲﷺ﷼ﻻﻼﺍﮐﯾﱞﹰ\\u0627aZé§ظطâØ👨😀❤\ufe0f"),
        st.characters(min_codepoint=0xFB50, max_codepoint=0xFEFF),
    ),
    max_size=20,
)
ESCAPES = st.lists(
    st.sampled_from(["\\u0627", "\\\\u0644", "\\ud83d", "\\ude00", "\\u005c", "u0627", "\\", " "]),
    max_size=6,
).map("".join)
MOJIBAKE = st.builds(
    lambda text, codecs: text.encode(codecs[0]).decode(codecs[1], "replace"),
    st.sampled_from(SENTENCES),
    st.sampled_from(
        [
            ("utf-8", "cp1252"),
            ("utf-8", "latin-1"),
            ("utf-8", "cp1256"),
            ("cp1256", "latin-1"),
            ("utf-8", "cp437"),
            ("mac_arabic", "latin-1"),
        ]
    ),
)
ANY_TEXT = st.one_of(
    st.text(alphabet=st.characters()),
    ARABIC_HEAVY,
    ESCAPES,
    MOJIBAKE,
    st.tuples(MOJIBAKE, ARABIC_HEAVY).map("".join),
)
