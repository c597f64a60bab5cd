#!/usr/bin/env python3
"""Write the sample PDFs of samples/papers.

They are in the repository; this is how they were made:

    pip install reportlab==5.1.0
    python3 scripts/make-samples.py

The Chinese one names the font STSong-Light and does not carry it, as PDFs from many
Chinese offices do: reading it takes the predefined CMap UniGB-UCS2-H.
"""

import pathlib

from reportlab.lib.enums import TA_JUSTIFY
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer

PAPERS = pathlib.Path(__file__).resolve().parent.parent / "samples" / "papers"

LIGHTHOUSE = [
    ("The Lighthouse Museum: a visitor's guide", [
        "The tower was lit for the first time on 3 November 1868 and burned rape oil, then "
        "paraffin, then gas. Its keeper wound the clockwork every four hours by hand; the "
        "weight that drove the lens still hangs in the stairwell, and children may touch it.",
        "There are 187 steps. A bench stands at every fortieth, and the one at the eightieth "
        "has the best view of the harbour, whatever the people at the top may say.",
        "The lens is of the second order and weighs two tonnes. It floats in a trough of "
        "mercury, so that one finger is enough to turn it. Please do not try.",
    ]),
    ("Opening hours and the fog signal", [
        "Open from Wednesday to Sunday, 10:00 to 17:00; on the longest day of the year until "
        "the light comes on. Closed in January, when the stairs are painted.",
        "The fog signal sounds on the first Sunday of each month at noon: three blasts of "
        "seven seconds. Dogs should be told beforehand.",
        "In the café the keeper's widow's recipe is followed to the letter: ginger cake, "
        "dark, with a spoon of coffee in it. It sells out by three.",
    ]),
]

WATER_TOWN = [
    ("青溪古镇旅行手册", [
        "青溪古镇有七座石桥，最老的一座叫听雨桥，建于明代，桥栏上刻着十二种荷花。清晨六点以前，镇上没有"
        "游客，只有卖豆浆的小船，从听雨桥一直摇到东水门。",
        "住宿可以选沿河的老房子。木板楼梯会响，半夜起床请轻一点。大部分人家提供早饭：白粥、咸鸭蛋和现蒸"
        "的定胜糕。",
        "雨天不要急着走。雨水从屋檐落进河里，整条街都是声音，坐在廊下喝一杯茶，比看什么景点都好。",
    ]),
    ("交通与时间", [
        "从火车站到古镇有一路公交车，十五分钟一班，车票两元。开车的人请把车停在西门外，镇里不能行车。",
        "游船从东水门出发，绕镇一圈四十分钟。白天每半小时一班，末班船晚上八点四十分开，中秋节加开到十点。",
        "染布作坊每天下午两点有一场演示，可以自己动手染一块手帕，二十元，第二天来取。",
    ]),
]


def write(name, title, author, pages, font, wrap):
    body = ParagraphStyle(
        "body", fontName=font, fontSize=11, leading=17, spaceAfter=8,
        alignment=TA_JUSTIFY, wordWrap=wrap,
    )
    head = ParagraphStyle("head", parent=body, fontSize=16, leading=24, spaceAfter=12)
    story = []
    for number, (heading, paragraphs) in enumerate(pages):
        if number:
            story.append(PageBreak())
        story += [Paragraph(heading, head), Spacer(1, 2 * mm)]
        story += [Paragraph(text, body) for text in paragraphs]
    document = SimpleDocTemplate(
        str(PAPERS / name), pagesize=A5, title=title, author=author, invariant=1,
        leftMargin=18 * mm, rightMargin=18 * mm, topMargin=20 * mm, bottomMargin=18 * mm,
    )
    document.build(story)


def main():
    PAPERS.mkdir(parents=True, exist_ok=True)
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    write("lighthouse-museum.pdf", LIGHTHOUSE[0][0], "Friends of the Lighthouse",
          LIGHTHOUSE, "Times-Roman", None)
    write("青溪古镇旅行手册.pdf", WATER_TOWN[0][0], "青溪镇文化站",
          WATER_TOWN, "STSong-Light", "CJK")


if __name__ == "__main__":
    main()
