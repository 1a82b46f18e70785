"""A small web server that a node can run: nginx with its own configuration, controlled by an init script."""

INIT_SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides:          httpd
# Required-Start:    $network
# Required-Stop:     $network
# Default-Start:
# Default-Stop:
# Short-Description: A web server for the laboratory
### END INIT INFO
conf=/srv/nginx.conf pid=/run/httpd.pid
running() { [ -s "$pid" ] && read -r number <"$pid" && kill -0 "$number" 2>/dev/null; }
case "$1" in
start) running || nginx -c "$conf" ;;
stop)
  running || exit 0
  kill -QUIT "$number"
  while running; do sleep 0.02; done
  rm -f "$pid" ;;
restart | force-reload) "$0" stop && "$0" start ;;
status) if running; then echo "httpd (pid $number) is running"; else echo "httpd is stopped"; exit 3; fi ;;
*) echo "usage: $0 start|stop|restart|force-reload|status"; exit 2 ;;
esac
"""

NGINX_CONF = """user root;
worker_processes 1;
pid /run/httpd.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  server { listen 80; root /srv; }
}
"""


def install(lab):
    """lsb:httpd and /srv/nginx.conf on every node; each serves a page with its name."""
    for node in lab.names:
        lab.write(node, "/etc/init.d/httpd", INIT_SCRIPT, 0o755)
        lab.write(node, "/srv/nginx.conf", NGINX_CONF)
