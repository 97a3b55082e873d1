"""Control groups: what a container may use, and the handle by which all of it is killed.

`resources` normalises the request once; `v1` and `v2` hold one pure file per controller; `manager` makes, fills, kills and
removes the directories; `layout` tells what the host has mounted. Here: cgroupfs only.
"""
