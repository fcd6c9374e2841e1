#!/bin/sh
# Record two runs of train.py in a scratch git repository, look at them, and ask both what neither logged.
#
#     sh demo.sh FOLDER       the repository becomes FOLDER/digits; one that was there is replaced
set -eu

examples=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
repository=$(cd "$1" && pwd)/digits

# A git hook that runs this must not have its own repository used.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_PREFIX 2>/dev/null || true

show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

echo "Scratch repository: $repository"
rm -rf "$repository"
git init --quiet "$repository"
cd "$repository"
cp "$examples/train.py" "$examples/look.py" "$examples/prove.py" "$examples/hindsight.diff" .
git add .
git -c user.name="FlorDB demo" -c user.email=demo@localhost -c commit.gpgsign=false \
    commit --quiet --no-verify -m "A training script"

show python train.py
show python train.py --kwargs epochs=3 batch_size=64 lr=0.0005
show python look.py

# How large were the gradients at the start of each epoch? Nobody logged that. The statement is added now.
show git apply hindsight.diff
show flor replay gradient_norm --yes --audit 1
show flor dataframe seed,batch_size,lr,gradient_norm
show python prove.py

show git status --short --branch
