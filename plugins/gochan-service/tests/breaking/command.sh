# What agents run: it writes into the ledger when it starts and when it ends.
#
#   sh command.sh LEDGER NAME:SECONDS
#
# A line is one write, so nothing is half said. The clock is that of the machine, whoever asks.

ledger=$1
job=$2

note() {
    read -r now rest < /proc/uptime
    echo "$1 $GOCHAN_JOB $AGENT $$ $now $job" >> "$ledger"
}

trap 'note cut; exit 143' TERM
note begun
echo "begins $job"
sleep "${job#*:}"
echo "ends $job"
trap '' TERM
note run
