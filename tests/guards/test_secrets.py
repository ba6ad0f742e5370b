import pytest

from kedro_guards.secrets import SecretError, refuse_packing_secrets, without_user


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:word@host/x", "https://host/x"),
        ("https://me:w@rd@host:80/x/y@z", "https://host:80/x/y@z"),
        ("simplecache::ftp://me@host/x", "simplecache::ftp://host/x"),
        ("cannot read https://me:word@host/x and s3://me:word@host", "cannot read https://host/x and s3://host"),
        ("https://host/x@y", "https://host/x@y"),
        ("/data/me@here", "/data/me@here"),
    ],
)
def test_a_message_shows_addresses_without_user_and_password(text, shown):
    assert without_user(text) == shown


@pytest.fixture
def conf(tmp_path):
    """A folder of configuration that may be packed."""
    files = {
        "README.md": "",
        "logging.yml": "version: 1",
        "base/catalog.yml": "labels: {type: MemoryDataset}",
        "production/credentials.yml": "store: {key: '${oc.env:KEY}', secret: '${oc.env:SECRET}', token: null}",
        "local/credentials.yml": "store: {key: canary}",
        "local/.gitignore": "*",
    }
    for name, content in files.items():
        path = tmp_path / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "conf"


def test_configuration_without_secrets_may_be_packed(conf):
    refuse_packing_secrets(conf)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("production/credentials.yml", "store: {key: canary}", "conf/production/credentials.yml .* value of store.key"),
        ("production/credentials.yml", "canary", "conf/production/credentials.yml"),
        ("production/credentials.yml", "store: {key: '${oc.env:KEY,canary}'}", "value of store.key"),
        ("production/credentials.yml", "store: {keys: ['${oc.env:KEY}', canary]}", "value of store.keys"),
        ("production/credentials_more.yaml", "store: canary", "value of store"),
        ("production/credentials/store.yml", "{store: canary}", "value of store"),
        ("base/deep/credentials.json", '{"store": {"key": "canary"}}', "value of store.key"),
        ("production/store.pem", "canary", "conf/production/store.pem would go into the package"),
        ("production/.env", "KEY=canary", "conf/production/.env would go into the package"),
        ("local/credentials.yaml", "store: {key: canary}", "conf/local/credentials.yaml would go into the package"),
        ("local/store.key", "canary", "conf/local/store.key would go into the package"),
    ],
)
def test_configuration_with_a_secret_is_not_packed_and_the_message_does_not_show_it(conf, name, content, message):
    (conf / name).parent.mkdir(exist_ok=True, parents=True)
    (conf / name).write_text(content)

    with pytest.raises(SecretError, match=message) as caught:
        refuse_packing_secrets(conf)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("content", [b"store: {key: canaryfile\n", b"store: {key: canaryfile\xff}\n"])
def test_credentials_that_cannot_be_read_are_refused_without_citing_them(tmp_path, content):
    (tmp_path / "conf/test").mkdir(parents=True)
    (tmp_path / "conf/test/credentials.yml").write_bytes(content)

    with pytest.raises(SecretError, match=r"conf/test/credentials.yml cannot be read as YAML") as refusal:
        refuse_packing_secrets(tmp_path / "conf")
    assert "canary" not in str(refusal.value)
