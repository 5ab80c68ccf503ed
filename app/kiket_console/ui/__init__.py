"""The console: a Textual program that reads the store and asks the engine; never imports it.

    screens/   places and dialogs: layout, messages, what a command does
    widgets/   draw lines on the line API; know nouns and text only
    paint/     nouns to lines, pure and without Textual
    feed.py    count, follow and selection of a list
    link.py    the connection to the engine
    registry/  the one table of commands; actions.py makes keys, footer, palette and names of it

Arrows: app to screens to widgets to paint; only the app and the feeds know store and client.
"""
