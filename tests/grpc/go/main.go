// The probe in Go: a gRPC server or client, as it is told; the same as probe.py.
//
//	probe serve CHAIN KEY [pings]
//	probe call TARGET METHOD [NAME=NUMBER]…
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"probe/pb"
)

type fields map[string]any

var telling sync.Mutex

// tell writes a line for the test to read.
func tell(what fields) {
	line, err := json.Marshal(what)
	if err != nil {
		log.Fatal(err)
	}
	telling.Lock()
	defer telling.Unlock()
	fmt.Printf("%s\n", line)
}

func pattern(size uint32) []byte {
	made := make([]byte, size)
	for i := range made {
		made[i] = byte(i % 251)
	}
	return made
}

// Server

type server struct {
	pb.UnimplementedProbeServer
}

// begin tells of a call, and gives what tells of its end.
func begin(method string, ctx context.Context, trailers func(metadata.MD)) func() {
	sent, _ := metadata.FromIncomingContext(ctx)
	_, hasDeadline := ctx.Deadline()
	tell(fields{
		"call":          method,
		"authorization": strings.Join(sent["authorization"], ", "),
		"deadline":      hasDeadline,
	})
	trailers(metadata.Pairs("x-end-bin", "\x00\x01\xff"))
	return func() { tell(fields{"end": method, "cancelled": ctx.Err() != nil}) }
}

func endIfAsked(ctx context.Context, request *pb.Request) error {
	if request.Hold {
		<-ctx.Done()
		// For nobody, unless the deadline passed here first.
		return status.Error(codes.DeadlineExceeded, "held")
	}
	if request.Code == 0 {
		return nil
	}
	return status.Error(codes.Code(request.Code), "asked for: 100 % ü")
}

func (server) Unary(ctx context.Context, request *pb.Request) (*pb.Reply, error) {
	defer begin("Unary", ctx, func(md metadata.MD) { grpc.SetTrailer(ctx, md) })()
	reply := &pb.Reply{Payload: request.Payload, Received: uint64(len(request.Payload))}
	return reply, endIfAsked(ctx, request)
}

func (server) Upload(stream pb.Probe_UploadServer) error {
	defer begin("Upload", stream.Context(), stream.SetTrailer)()
	received := uint64(0)
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&pb.Reply{Received: received})
		}
		if err != nil {
			return err
		}
		received += uint64(len(request.Payload))
		if err := endIfAsked(stream.Context(), request); err != nil {
			return err
		}
	}
}

func (server) Download(request *pb.Request, stream pb.Probe_DownloadServer) error {
	defer begin("Download", stream.Context(), stream.SetTrailer)()
	payload := pattern(request.Size)
	for i := uint32(0); i < request.Replies; i++ {
		if err := stream.Send(&pb.Reply{Payload: payload}); err != nil {
			return err
		}
	}
	return endIfAsked(stream.Context(), request)
}

func (server) Chat(stream pb.Probe_ChatServer) error {
	defer begin("Chat", stream.Context(), stream.SetTrailer)()
	received := uint64(0)
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		received += uint64(len(request.Payload))
		if request.Code == 0 {
			reply := &pb.Reply{Payload: request.Payload, Received: received}
			if err := stream.Send(reply); err != nil {
				return err
			}
		}
		if err := endIfAsked(stream.Context(), request); err != nil {
			return err
		}
	}
}

func serve(chain, key string, pings bool) {
	tls, err := credentials.NewServerTLSFromFile(chain, key)
	if err != nil {
		log.Fatal(err)
	}
	options := []grpc.ServerOption{grpc.Creds(tls), grpc.MaxRecvMsgSize(math.MaxInt32)}
	if pings {
		// A second is the least that it takes.
		options = append(options, grpc.KeepaliveParams(
			keepalive.ServerParameters{Time: time.Second, Timeout: time.Second}))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	made := grpc.NewServer(options...)
	pb.RegisterProbeServer(made, server{})
	tell(fields{"port": listener.Addr().(*net.TCPAddr).Port})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		made.Stop()
	}()
	if err := made.Serve(listener); err != nil {
		log.Fatal(err)
	}
}

// Client

type options map[string]uint32

// call is one call, and what came of it.
type call struct {
	options  options
	pattern  []byte
	cancel   context.CancelFunc
	replies  uint32
	received uint64
	intact   bool
}

func (c *call) request(i uint32) *pb.Request {
	request := &pb.Request{Payload: c.pattern, Replies: c.options["replies"], Size: c.options["size"]}
	if i+1 == c.options["count"] {
		request.Code = c.options["code"]
		request.Hold = c.options["hold"] != 0
	}
	return request
}

func (c *call) take(reply *pb.Reply) {
	c.replies++
	c.received = reply.Received
	c.intact = c.intact && string(reply.Payload) == string(c.pattern)
	if c.replies == c.options["cancel_after"] {
		c.cancel()
	}
}

func (c *call) unary(ctx context.Context, client pb.ProbeClient, trailers *metadata.MD) error {
	reply, err := client.Unary(ctx, c.request(0), grpc.Trailer(trailers))
	if err == nil {
		c.take(reply)
	}
	return err
}

func (c *call) upload(ctx context.Context, client pb.ProbeClient, trailers *metadata.MD) error {
	stream, err := client.Upload(ctx, grpc.Trailer(trailers))
	if err != nil {
		return err
	}
	for i := uint32(0); i < c.options["count"]; i++ {
		// Where the stream has ended, the reply says why.
		if stream.Send(c.request(i)) != nil {
			break
		}
	}
	if c.options["open"] == 0 {
		stream.CloseSend()
	}
	reply := new(pb.Reply)
	if err := stream.RecvMsg(reply); err != nil {
		return err
	}
	c.replies++
	c.received = reply.Received
	return nil
}

type receiver interface {
	Recv() (*pb.Reply, error)
}

// takeAll takes replies up to the end; nil where that is OK.
func (c *call) takeAll(stream receiver) error {
	for {
		reply, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		c.take(reply)
	}
}

func (c *call) download(ctx context.Context, client pb.ProbeClient, trailers *metadata.MD) error {
	stream, err := client.Download(ctx, c.request(0), grpc.Trailer(trailers))
	if err != nil {
		return err
	}
	return c.takeAll(stream)
}

// chat sends each request when the one before it has been answered.
func (c *call) chat(ctx context.Context, client pb.ProbeClient, trailers *metadata.MD) error {
	stream, err := client.Chat(ctx, grpc.Trailer(trailers))
	if err != nil {
		return err
	}
	for i := uint32(0); i < c.options["count"]; i++ {
		if stream.Send(c.request(i)) != nil {
			break
		}
		reply, err := stream.Recv()
		if err != nil {
			return err
		}
		c.take(reply)
	}
	if c.options["open"] == 0 {
		stream.CloseSend()
	}
	return c.takeAll(stream)
}

func run(client pb.ProbeClient, method string, chosen options) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if chosen["timeout_ms"] != 0 {
		timeout := time.Duration(chosen["timeout_ms"]) * time.Millisecond
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	c := &call{options: chosen, pattern: pattern(chosen["size"]), cancel: cancel, intact: true}
	trailers := metadata.MD{}
	methods := map[string]func(context.Context, pb.ProbeClient, *metadata.MD) error{
		"Unary": c.unary, "Upload": c.upload, "Download": c.download, "Chat": c.chat}
	ended, ok := status.FromError(methods[method](ctx, client, &trailers))
	if !ok {
		log.Fatal(errors.New("not a status: " + ended.Message()))
	}
	tell(fields{
		"code":     ended.Code(),
		"message":  ended.Message(),
		"replies":  c.replies,
		"received": c.received,
		"intact":   c.intact,
		"end":      hex.EncodeToString([]byte(strings.Join(trailers["x-end-bin"], ""))),
	})
}

func callServer(target, method string, chosen options) {
	connection, err := grpc.NewClient(
		target,
		grpc.WithTransportCredentials(credentials.NewTLS(nil)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	var calls sync.WaitGroup
	for i := uint32(0); i < chosen["calls"]; i++ {
		calls.Add(1)
		go func() {
			defer calls.Done()
			run(pb.NewProbeClient(connection), method, chosen)
		}()
	}
	calls.Wait()
}

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2], os.Args[3], len(os.Args) > 4)
		return
	}
	chosen := options{"count": 1, "calls": 1}
	for _, argument := range os.Args[4:] {
		name, text, _ := strings.Cut(argument, "=")
		value, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			log.Fatal(err)
		}
		chosen[name] = uint32(value)
	}
	callServer(os.Args[2], os.Args[3], chosen)
}
