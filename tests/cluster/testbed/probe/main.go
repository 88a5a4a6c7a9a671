// The program in the pods of the cluster's own tests: a server that says who it
// is, and a client that reports what it reaches.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fail("usage: probe serve ADDRESS | probe get URL")
	}
	switch os.Args[1] {
	case "serve":
		serve(os.Args[2])
	case "get":
		get(os.Args[2])
	default:
		fail("unknown command " + os.Args[1])
	}
}

func serve(address string) {
	name, err := os.Hostname()
	if err != nil {
		fail(err.Error())
	}
	fmt.Println("serving as", name)
	http.HandleFunc("/", func(answer http.ResponseWriter, _ *http.Request) { fmt.Fprint(answer, name) })
	fail(http.ListenAndServe(address, nil).Error())
}

func get(url string) {
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		fail(err.Error())
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		fail(err.Error())
	}
	fmt.Print(string(body))
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}
