"""Plans and their times, drawn.

steps     the plan of `explain`, in colours
bars      a timeline at a terminal
picture   a timeline as SVG
"""
