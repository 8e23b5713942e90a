"""The command gochan."""

# The files, from the bottom up: each uses only those above it.
#
#   _descriptors         the numbers of the standard files
#   _alone               whether the process does nothing else
#   _first_error         the one in a group that users are told
#   _ignored_signals     signals that are to have no effect
#   terminal             what views on a terminal need; a folder with a map of its own
#   run                  `gochan run`; a folder with a map of its own
#   _standard_files      files that may be closed, full, or read by nobody
#   _parameters          types of arguments
#   _suggestions         what a shell may suggest as the value of an option
#   queues               the commands for durable queues; a folder with a map of its own
#   _built_in_commands   the commands of gochan itself, by name
#   _plugin_commands     the commands that plugins add
#   _listing             what is said about plugins and strategies
#   _plugins_command     `gochan plugins`
#   run_options          the options of `gochan run`; a folder with a map of its own
#   _program             the first word of a command that `gochan run` is given
#   _run_command         `gochan run`: its help
#   _completion          what may come next in a command line
#   _completion_scripts  the scripts for shells
#   _completion_command  `gochan completion`
#   _man_page            a manual page, made of help
#   _man_command         `gochan man`
#   _all_commands        all commands, those of plugins included
#   _command_line        from arguments to an exit status
