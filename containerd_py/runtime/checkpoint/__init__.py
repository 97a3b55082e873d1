"""Checkpoint and restore: the processes of a container written into files, and made again from them, by CRIU (ADR 24).

    images    the directories that a checkpoint lies in, and what is kept there beside CRIU's own files
    messages  what is said to CRIU and what it answers, as the fields of its protocol
    criu      one CRIU: started, asked for one thing, heard until it is done
    outside   which mounts, namespaces and files of a container are its host's, and not in the images
    dump      a checkpoint;  restore: a container made from one;  ground: what a restore has ready in the root

Which program is run, and what the images of a stranger may do: docs/explanation/security.md.
"""
