"""The square of an organ's colour."""


def test_the_colour_stays_when_its_control_is_disabled(quiet_host):
    import qt

    from MISTKDSegmentLib.slicer.panel.swatch import swatch
    for mode in (qt.QIcon.Normal, qt.QIcon.Disabled):
        image = swatch((200, 115, 75)).pixmap(14, 14, mode).toImage()
        assert image.pixel(7, 7) & 0xFFFFFF == 200 << 16 | 115 << 8 | 75
