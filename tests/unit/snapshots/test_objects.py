"""Reading objects through one process."""

from flor.snapshots import objects


def test_objects_are_read_one_after_another(user):
    user.write("big.txt", "x" * 100)
    user.commit()

    with objects.opened(user.repository) as source:
        assert source.read("HEAD:train.py") == b"print('one')\n"
        assert source.read("HEAD:nothing") is None
        assert source.read("HEAD:big.txt", limit_bytes=99) is None
        assert source.read("HEAD:big.txt", limit_bytes=100) == b"x" * 100
        assert source.read("HEAD").startswith(b"tree ")
