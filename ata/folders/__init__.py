"""Reading what a skill or server folder says that it needs: nothing is run, nothing is declared.

`skill_and_mcp_file_parsers` reads each file format, `connection_and_scope_guesses` says what names
suggest, `component_discovery` reads folders.
"""
