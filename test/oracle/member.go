// One member: a RawNode with its storage, and the work of its two storage threads that is still to be done.
package main

import (
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

type member struct {
	id         uint64
	node       *raft.RawNode
	storage    *raft.MemoryStorage
	conf       *pb.ConfState
	appendWork []*pb.Message
	applyWork  []*pb.Message
	reads      []raft.ReadState
}

func newMember(id uint64, r *run) *member {
	m := &member{id: id, storage: raft.NewMemoryStorage()}
	for _, voter := range r.Voters {
		if voter == id {
			meta := &pb.SnapshotMetadata{
				Index:     proto.Uint64(1),
				Term:      proto.Uint64(1),
				ConfState: &pb.ConfState{Voters: r.Voters},
			}
			must(m.storage.ApplySnapshot(&pb.Snapshot{Metadata: meta}))
			must(m.storage.SetHardState(&pb.HardState{
				Term: proto.Uint64(1), Vote: proto.Uint64(0), Commit: proto.Uint64(1),
			}))
		}
	}
	m.start(r)
	return m
}

// start begins from what the storage holds. The state machine is that of the snapshot, and entries before it are gone.
func (m *member) start(r *run) {
	snapshot, err := m.storage.Snapshot()
	must(err)
	index := snapshot.GetMetadata().GetIndex()
	if first, _ := m.storage.FirstIndex(); first <= index {
		must(m.storage.Compact(index))
	}
	state, conf, _ := m.storage.InitialState()
	if state.GetCommit() < index {
		must(m.storage.SetHardState(&pb.HardState{
			Term: proto.Uint64(state.GetTerm()), Vote: proto.Uint64(state.GetVote()), Commit: proto.Uint64(index),
		}))
	}
	m.conf = conf
	m.appendWork, m.applyWork, m.reads = nil, nil, nil
	m.node, err = raft.NewRawNode(&raft.Config{
		ID:                        m.id,
		ElectionTick:              r.ElectionTicks,
		HeartbeatTick:             r.HeartbeatTicks,
		Storage:                   m.storage,
		Applied:                   index,
		AsyncStorageWrites:        true,
		MaxSizePerMsg:             r.messageBytes(),
		MaxCommittedSizePerReady:  noLimit,
		MaxUncommittedEntriesSize: r.UncommittedBytes,
		MaxInflightMsgs:           r.InflightMessages,
		MaxInflightBytes:          r.InflightBytes,
		CheckQuorum:               r.CheckQuorum,
		PreVote:                   r.PreVote,
		DisableProposalForwarding: true,
		StepDownOnRemoval:         true,
		Logger:                    silent{},
	})
	must(err)
}

// pump takes what the node has to do, sends what may leave at once and queues the rest. When the run says so, the storage
// threads do their work on the spot.
func (m *member) pump(w *world) {
	for {
		for m.node.HasReady() {
			ready := m.node.Ready()
			m.reads = append(m.reads, ready.ReadStates...)
			for _, message := range ready.Messages {
				switch message.GetTo() {
				case raft.LocalAppendThread:
					// What was to be applied is in the snapshot, and its configuration holds already.
					if !raft.IsEmptySnap(message.GetSnapshot()) {
						m.applyWork = nil
					}
					m.appendWork = append(m.appendWork, message)
				case raft.LocalApplyThread:
					m.applyWork = append(m.applyWork, message)
				default:
					w.send(m.id, message)
				}
			}
		}
		switch {
		case w.run.Sync && len(m.appendWork) > 0:
			m.persist(w)
		case w.run.Sync && len(m.applyWork) > 0:
			m.apply()
		default:
			return
		}
	}
}

// write makes the first waiting write durable and returns the answers that may be given now.
func (m *member) write() []*pb.Message {
	work := m.appendWork[0]
	m.appendWork = m.appendWork[1:]
	if work.Term != nil || work.Vote != nil || work.Commit != nil {
		must(m.storage.SetHardState(&pb.HardState{
			Term: proto.Uint64(work.GetTerm()), Vote: proto.Uint64(work.GetVote()), Commit: proto.Uint64(work.GetCommit()),
		}))
	}
	if snapshot := work.GetSnapshot(); !raft.IsEmptySnap(snapshot) {
		must(m.storage.ApplySnapshot(snapshot))
		m.conf = snapshot.GetMetadata().GetConfState()
	}
	must(m.storage.Append(work.GetEntries()))
	return work.GetResponses()
}

// persist makes a write durable and answers for it. The member hears first that it is, as ours does, where the library has it
// last for speed: an answer that moves the term would make it ignore that.
func (m *member) persist(w *world) {
	responses := m.write()
	for _, response := range responses {
		if response.GetFrom() == raft.LocalAppendThread {
			_ = m.node.Step(response)
		}
	}
	for _, response := range responses {
		if response.GetFrom() == raft.LocalAppendThread {
			continue
		}
		if response.GetTo() == m.id {
			_ = m.node.Step(response)
		} else {
			w.send(m.id, response)
		}
	}
}

func (m *member) apply() {
	work := m.applyWork[0]
	m.applyWork = m.applyWork[1:]
	for _, entry := range work.GetEntries() {
		if change, ok := changeOf(entry); ok {
			m.conf = m.node.ApplyConfChange(change)
		}
	}
	for _, response := range work.GetResponses() {
		_ = m.node.Step(response)
	}
}

func (m *member) compact(index, through uint64) {
	_, err := m.storage.CreateSnapshot(index, m.conf, nil)
	must(err)
	if first, _ := m.storage.FirstIndex(); first <= through {
		must(m.storage.Compact(through))
	}
}

func changeOf(entry *pb.Entry) (*pb.ConfChangeV2, bool) {
	switch entry.GetType() {
	case pb.EntryConfChange:
		change := &pb.ConfChange{}
		must(proto.Unmarshal(entry.GetData(), change))
		return change.AsV2(), true
	case pb.EntryConfChangeV2:
		change := &pb.ConfChangeV2{}
		must(proto.Unmarshal(entry.GetData(), change))
		return change, true
	}
	return nil, false
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// silent keeps the library from writing to our output; what it takes for impossible is a panic.
type silent struct{}

func (silent) Debug(...any)            {}
func (silent) Debugf(string, ...any)   {}
func (silent) Error(...any)            {}
func (silent) Errorf(string, ...any)   {}
func (silent) Info(...any)             {}
func (silent) Infof(string, ...any)    {}
func (silent) Warning(...any)          {}
func (silent) Warningf(string, ...any) {}
func (silent) Fatal(v ...any)          { panic(fmt.Sprint(v...)) }
func (silent) Fatalf(f string, v ...any) {
	panic(fmt.Sprintf(f, v...))
}
func (silent) Panic(v ...any) { panic(fmt.Sprint(v...)) }
func (silent) Panicf(f string, v ...any) {
	panic(fmt.Sprintf(f, v...))
}
