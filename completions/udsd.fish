# fish completion for udsd

complete -c udsd -f
complete -c udsd -l config -r -F -d "Read this configuration file"
complete -c udsd -l listen -r -F -d "Listen on this address"
complete -c udsd -l mode -x -a "route echo line length whole" -d "What the listeners speak"
complete -c udsd -l channel -x -d "Where messages go"
complete -c udsd -l deliver -x -a "yes no" -d "Clients receive the channel"
complete -c udsd -l ack -x -a "yes no" -d "Messages are answered"
complete -c udsd -l type -x -a "stream seqpacket dgram" -d "Type of socket"
complete -c udsd -l store -x -a "(__fish_complete_directories)" -d "Keep streams here"
complete -c udsd -l salvage -x -a "(__fish_complete_directories)" -d "Save what can be read of this store to --store"
complete -c udsd -l log-level -x -a "error warning info debug" -d "What is logged"
complete -c udsd -l check-config -d "Report every mistake in the configuration"
complete -c udsd -l print-config -d "Print the configuration as it is in force"
complete -c udsd -s h -l help -d "Show the help"
complete -c udsd -s V -l version -d "Show the version"
