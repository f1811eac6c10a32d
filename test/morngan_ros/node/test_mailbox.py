"""The newest frame wins."""

from threading import Thread

from morngan_ros.node.mailbox import Mailbox


def test_newest_wins_and_the_rest_is_told() -> None:
    mailbox: Mailbox[int] = Mailbox()
    assert mailbox.put(1) is False
    assert mailbox.put(2) is True
    assert mailbox.put(3) is True
    assert mailbox.get(0.0) == 3
    assert mailbox.get(0.0) is None
    assert mailbox.put(4) is False


def test_items_without_truth_are_items() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.put(0)
    assert mailbox.put(5) is True
    mailbox.put(0)
    assert mailbox.get(0.0) == 0


def test_put_wakes_the_reader() -> None:
    mailbox: Mailbox[str] = Mailbox()
    got: list[str | None] = []
    reader = Thread(target=lambda: got.append(mailbox.get(timeout=30)))
    reader.start()
    mailbox.put('frame')
    reader.join(timeout=30)
    assert got == ['frame']


def test_close_wakes_the_reader_and_takes_no_more() -> None:
    mailbox: Mailbox[str] = Mailbox()
    got: list[str | None] = []
    reader = Thread(target=lambda: got.append(mailbox.get()))
    reader.start()
    mailbox.close()
    reader.join(timeout=30)
    assert not reader.is_alive()
    assert got == [None]
    assert mailbox.put('late') is False
    assert mailbox.get(0.0) is None


def test_every_item_is_read_or_replaced() -> None:
    mailbox: Mailbox[int] = Mailbox()
    read: list[int] = []

    def reader() -> None:
        while (item := mailbox.get()) is not None:
            read.append(item)
            if item == 5000:
                return

    thread = Thread(target=reader)
    thread.start()
    replaced = sum(mailbox.put(item) for item in range(1, 5001))
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert len(read) + replaced == 5000
    assert read == sorted(read)
