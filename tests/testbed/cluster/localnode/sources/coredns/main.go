// CoreDNS with the plugins that a cluster's own names need, and no others:
// everything else it offers brings cloud providers' client libraries with it.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

// The order in which a query passes the plugins is the order of this list.
func init() {
	dnsserver.Directives = []string{"bind", "ready", "errors", "cache", "template", "kubernetes"}
}

func main() {
	coremain.Run()
}
