"""What is written for the components can be read by them, and fits together."""

import base64
import ipaddress
import json
import tomllib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from testbed import pins
from testbed.cluster.localnode import configuration, layout
from testbed.cluster.localnode.authority import Identity
from testbed.cluster.localnode.credentials import Credentials, issue_all
from testbed.cluster.localnode.layout import Layout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return Layout(tmp_path_factory.mktemp('a "quoted" folder'))


@pytest.fixture(scope="module")
def issued(place: Layout) -> Credentials:
    return issue_all(place)


def _certificate(identity: Identity) -> x509.Certificate:
    return x509.load_pem_x509_certificate(identity.certificate.read_bytes())


def test_containerd_keeps_everything_in_the_nodes_folder(place: Layout) -> None:
    text = configuration.containerd(place, runc=Path("/usr/sbin/runc"), snapshotter="overlayfs")
    written = tomllib.loads(text)
    assert Path(written["root"]) == place.containerd
    assert Path(written["grpc"]["address"]) == place.containerd_socket
    images = written["plugins"]["io.containerd.cri.v1.images"]
    assert images["snapshotter"] == "overlayfs"
    assert images["pinned_images"]["sandbox"] == pins.PAUSE_IMAGE
    runtime = written["plugins"]["io.containerd.cri.v1.runtime"]
    assert runtime["cni"]["conf_dir"] == str(place.cni)
    assert runtime["containerd"]["runtimes"]["runc"]["options"]["BinaryName"] == "/usr/sbin/runc"


def test_pods_get_addresses_beside_the_bridges_own(place: Layout) -> None:
    bridge = configuration.pod_network(place)["plugins"][0]
    (pods,) = bridge["ipam"]["ranges"][0]
    assert ipaddress.ip_address(pods["gateway"]) in ipaddress.ip_network(pods["subnet"])
    assert not ipaddress.ip_network(pods["subnet"]).overlaps(ipaddress.ip_network(layout.SERVICE_RANGE))


def test_the_kubelet_hands_out_the_name_server_that_runs(place: Layout, issued: Credentials) -> None:
    kubelet = json.loads(json.dumps(configuration.kubelet(place, issued)))
    dns = configuration.dns(issued)
    (server,) = kubelet["clusterDNS"]
    assert f"bind {server}\n" in dns
    assert dns.startswith(f"{kubelet['clusterDomain']} ")


def test_no_two_parts_listen_on_the_same_port() -> None:
    taken = list(layout.listening().values())
    assert len({port for _, port in taken}) == len(taken)
    assert str(next(ipaddress.ip_network(layout.SERVICE_RANGE).hosts())) == layout.API_SERVICE_ADDRESS


def test_the_api_server_is_known_by_every_name_that_clients_dial(issued: Credentials) -> None:
    names = _certificate(issued.api_server).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ipaddress.ip_address(layout.BRIDGE_ADDRESS) in names.get_values_for_type(x509.IPAddress)
    assert ipaddress.ip_address(layout.API_SERVICE_ADDRESS) in names.get_values_for_type(x509.IPAddress)
    assert "kubernetes.default.svc.cluster.local" in names.get_values_for_type(x509.DNSName)


def test_certificates_come_from_the_authority_of_their_purpose(issued: Credentials) -> None:
    cluster = x509.load_pem_x509_certificate(issued.cluster_authority.read_bytes())
    etcd = x509.load_pem_x509_certificate(issued.etcd_authority.read_bytes())
    _certificate(issued.kubelet).verify_directly_issued_by(cluster)
    _certificate(issued.etcd_client).verify_directly_issued_by(etcd)
    with pytest.raises(ValueError, match="does not match"):
        _certificate(issued.administrator).verify_directly_issued_by(etcd)


def test_the_kubelet_is_a_node_to_the_api_server(issued: Credentials) -> None:
    subject = _certificate(issued.kubelet).subject.rfc4514_string()
    assert subject == f"CN=system:node:{layout.NODE_NAME},O=system:nodes"


def test_a_kubeconfig_needs_no_other_file_and_only_its_owner_reads_it(issued: Credentials) -> None:
    path = issued.administrator_kubeconfig
    document = json.loads(path.read_text())
    (cluster,) = document["clusters"]
    assert cluster["cluster"]["server"] == layout.API_URL
    assert base64.b64decode(cluster["cluster"]["certificate-authority-data"]) == issued.cluster_authority.read_bytes()
    assert path.stat().st_mode & 0o077 == 0


def test_keys_are_private_and_match_their_certificates(issued: Credentials) -> None:
    for identity in (issued.api_server, issued.kubelet, issued.etcd):
        assert identity.key.stat().st_mode & 0o077 == 0
        key = serialization.load_pem_private_key(identity.key.read_bytes(), password=None)
        assert key.public_key() == _certificate(identity).public_key()
