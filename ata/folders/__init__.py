"""Reading what a skill or server folder says that it needs: nothing is run, nothing is declared.

`formats` reads each file format, `guesses` says what names suggest, `folder_reader` reads folders.
"""
