#!/bin/busybox sh
# First program of a guest: loads the drivers, enters the disk, and becomes the agent. A panic ends the machine.
b=/bin/busybox
$b mkdir -p /dev /proc /sys /root
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
while read -r module; do $b insmod "/modules/$module.ko"; done </modules/order
# On a very busy host this takes long; the host has a deadline of its own.
tries=0
until [ -b /dev/vda ] && [ -c /dev/vport0p1 -o -c /dev/vport1p1 ]; do
  tries=$((tries + 1))
  if [ $tries -gt 15000 ]; then echo "no disk or no line to the host" >/dev/console; exit 1; fi
  $b usleep 20000
done
$b mount -t ext4 -o ro,noload,nosuid /dev/vda /root || exit 1
$b mount -t tmpfs -o size=8m,mode=0755,nosuid agent /root/run
$b cp -r /agent /root/run/agent
for place in dev proc sys; do $b mount --move /$place /root/$place; done
exec $b switch_root /root /usr/bin/python3 -I -S -B /run/agent/agent.py
