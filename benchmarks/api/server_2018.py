"""The 2018 server's way, rebuilt to compare with: `flask run`, and a SQLAlchemy query on sqlite for every request."""

from __future__ import annotations

import os

from flask import Flask, abort, jsonify
from sqlalchemy import Column, Float, String, create_engine
from sqlalchemy.orm import DeclarativeBase, scoped_session, sessionmaker


class Base(DeclarativeBase):
    pass


class Prediction(Base):
    __tablename__ = "predictions"
    customer_id = Column(String, primary_key=True)
    predicted_clv = Column(Float)


def create_app() -> Flask:
    app = Flask(__name__)
    engine = create_engine(f"sqlite:///{os.environ['SQLITE']}")
    session = scoped_session(sessionmaker(bind=engine))

    @app.route("/predictions/<customer_id>")
    def prediction(customer_id: str):
        found = session.query(Prediction).filter_by(customer_id=customer_id).first()
        if found is None:
            abort(404)
        return jsonify({"user_id": found.customer_id, "clv": found.predicted_clv})

    @app.teardown_appcontext
    def remove(_):
        session.remove()

    return app
