// A Temporal server for a comparison: all of its services in one process on loopback, on SQLite with a write-ahead
// log and every commit synced, as the command line's development server sets it up otherwise. Rate limits are raised
// out of the way, task queues have one partition, and activities may start eagerly.
//
//	-db FILE       the database; made when it is not there
//	-ports LIST    five free ports: frontend, history, matching, worker, and the frontend's HTTP
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	serverlog "go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	schema "go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
)

const (
	loopback  = "127.0.0.1"
	noLimit   = 1_000_000
	clusterID = "5f7b7c1e-0d7a-4d3b-9a61-3c2f4b6f7a10"
)

// The services in the order of the ports that they get.
var services = []primitives.ServiceName{primitives.FrontendService, primitives.HistoryService, primitives.MatchingService, primitives.WorkerService}

func main() {
	file := flag.String("db", "", "SQLite file")
	list := flag.String("ports", "", "five ports")
	flag.Parse()
	ports := parsePorts(*list)

	server, err := temporal.NewServer(
		temporal.WithConfig(configuration(*file, ports)),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts(ports)),
		temporal.WithLogger(serverlog.NewZapLogger(serverlog.BuildZapLogger(serverlog.Config{Stdout: true, Level: "error"}))),
		temporal.WithDynamicConfigClient(settings()),
	)
	must(err)
	must(server.Start())
	fmt.Println("ready")

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	<-ended
	// Nothing of the run is kept.
	os.Exit(0)
}

func configuration(file string, ports []int) *config.Config {
	database := &config.SQL{
		PluginName:   sqlite.PluginName,
		DatabaseName: file,
		ConnectAttributes: map[string]string{
			"mode": "rwc", "journal_mode": "wal", "synchronous": "2",
		},
	}
	if _, err := os.Stat(file); os.IsNotExist(err) {
		must(schema.SetupSchema(database))
	}
	namespace, err := schema.NewNamespaceConfig("active", "default", false, nil)
	must(err)
	must(schema.CreateNamespaces(database, namespace))

	frontend := fmt.Sprintf("%s:%d", loopback, ports[0])
	made := &config.Config{}
	made.Global.Membership.MaxJoinDuration = 30 * time.Second
	made.Global.Membership.BroadcastAddress = loopback
	made.Persistence.NumHistoryShards = 1
	made.Persistence.DefaultStore = "only"
	made.Persistence.VisibilityStore = "only"
	made.Persistence.DataStores = map[string]config.DataStore{"only": {SQL: database}}
	made.ClusterMetadata = &cluster.Config{
		FailoverVersionIncrement: 10,
		MasterClusterName:        "active",
		CurrentClusterName:       "active",
		ClusterInformation: map[string]cluster.ClusterInformation{"active": {
			Enabled: true, InitialFailoverVersion: 1, ClusterID: clusterID,
			RPCAddress: frontend, HTTPAddress: fmt.Sprintf("%s:%d", loopback, ports[4]),
		}},
	}
	made.DCRedirectionPolicy.Policy = "noop"
	made.Services = map[string]config.Service{}
	for index, name := range services {
		var service config.Service
		service.RPC.GRPCPort = ports[index]
		service.RPC.BindOnIP = loopback
		if index == 0 {
			service.RPC.HTTPPort = ports[4]
		}
		made.Services[string(name)] = service
	}
	for _, state := range []*string{&made.Archival.History.State, &made.Archival.Visibility.State, &made.NamespaceDefaults.Archival.History.State, &made.NamespaceDefaults.Archival.Visibility.State} {
		*state = "disabled"
	}
	made.PublicClient.HostPort = frontend
	return made
}

func settings() dynamicconfig.StaticClient {
	values := dynamicconfig.StaticClient{
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key(): 8096,
		"matching.numTaskqueueReadPartitions":            1,
		"matching.numTaskqueueWritePartitions":           1,
		"system.enableActivityEagerExecution":            true,
	}
	for _, limit := range []string{"frontend.rps", "frontend.namespaceRPS", "frontend.namespaceCount", "frontend.persistenceMaxQPS", "history.rps", "history.persistenceMaxQPS", "matching.rps", "matching.persistenceMaxQPS"} {
		values[dynamicconfig.Key(limit)] = noLimit
	}
	return values
}

func hosts(ports []int) map[primitives.ServiceName]static.Hosts {
	made := map[primitives.ServiceName]static.Hosts{}
	for index, name := range services {
		made[name] = static.SingleLocalHost(fmt.Sprintf("%s:%d", loopback, ports[index]))
	}
	return made
}

func parsePorts(list string) []int {
	words := strings.Split(list, ",")
	if len(words) != 5 {
		log.Fatalf("-ports: expected five, got %q", list)
	}
	ports := make([]int, 0, len(words))
	for _, word := range words {
		port, err := strconv.Atoi(word)
		must(err)
		ports = append(ports, port)
	}
	return ports
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
