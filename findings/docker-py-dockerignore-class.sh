#!/bin/sh
# docker-py 7.1.0 (PyPI `docker`): a negated class in .dockerignore means the opposite of what it means to Docker.
#
# Docker's documentation of .dockerignore says that patterns are those of Go's filepath.Match, where `[^a]` is any character
# but `a` and `!` in a class has no meaning of its own:
#   https://docs.docker.com/build/concepts/context/#syntax
#   https://pkg.go.dev/path/filepath#Match
#
# docker-py matches with a copy of Python's fnmatch, which writes the negation `[!a]` and takes `^` for a character. So one
# .dockerignore sends other files by `docker build` than by `client.images.build`.
#
#                    expected to be left out    left out by docker-py 7.1.0
#   [^a].txt         b.txt                      a.txt
#   [!a].txt         a.txt                      b.txt
#
# Output on the day it was written:
#   [^a].txt leaves out: a.txt
#   [!a].txt leaves out: b.txt
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install docker==7.1.0

mkdir "$folder/context"
touch "$folder/context/a.txt" "$folder/context/b.txt" "$folder/context/Dockerfile"

seen=$("$folder/venv/bin/python" - "$folder/context" <<'PYTHON'
import sys

from docker.utils.build import exclude_paths

files = {"a.txt", "b.txt"}
for pattern in ("[^a].txt", "[!a].txt"):
    sent = exclude_paths(sys.argv[1], [pattern])
    print(pattern, "leaves out:", *sorted(files - set(sent)))
PYTHON
)
echo "$seen"

expected='[^a].txt leaves out: a.txt
[!a].txt leaves out: b.txt'
if [ "$seen" != "$expected" ]; then
    echo "docker-py does otherwise now" >&2
    exit 1
fi
